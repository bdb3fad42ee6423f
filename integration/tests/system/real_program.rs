//! Servers of others as plain programs: each as a user without rights, in a folder of its
//! own, and in a PID namespace, so that nothing of it outlives this process.

use std::env;
use std::fs::{self, File};
use std::mem;
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use tempfile::TempDir;
use tokio::net::TcpSocket;

/// The folder of a program's data, which goes with it.
pub(crate) struct Home(TempDir);

impl Home {
    /// A new folder that the program's user may write to.
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("skein-{name}-"))
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("a folder for temporary files");
        if let Some([user, group]) = other_user() {
            let given = chown(folder.path(), Some(user), Some(group));
            given.expect("root may give folders away");
        }
        Home(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Removes it before its time, for those that nobody drops.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir_all(self.path());
    }

    /// The path of a file in it, as text.
    pub(crate) fn join(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }
}

/// A program that runs. It is killed with all that it started when this is dropped.
pub(crate) struct Program(Child);

impl Program {
    /// Starts a program, whose output goes to the file `log` in its home. It ends with
    /// the thread that starts it, which therefore is one that never ends.
    pub(crate) fn start(home: &Home, log: &str, words: &[&str], env: &[(&str, String)]) -> Self {
        let log = File::create(home.path().join(log)).expect("a log");
        let mut command = as_user(words);
        command
            .current_dir(home.path())
            .env_clear()
            .env(
                "PATH",
                "/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", home.path())
            .env("LANG", "C.UTF-8")
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        let child = spawn_for_ever(command);
        Program(child.expect("setpriv and unshare are there"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end, as that user, and panics unless it succeeds.
pub(crate) fn run(home: &Home, words: &[&str], env: &[(&str, String)]) {
    let mut command = as_user(words);
    let output = command
        .current_dir(home.path())
        .env("HOME", home.path())
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output()
        .expect("it can be run");
    assert!(
        output.status.success(),
        "{words:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A port that the kernel gives to nobody who asks for any free one as long as these tests run,
/// not even to call from: a server that was killed finds it again. It may have it, since it
/// binds with SO_REUSEADDR, as we do.
pub(crate) fn free_port() -> u16 {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a socket has options");
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    socket.bind(any).expect("a free port");
    let port = socket.local_addr().expect("its address").port();
    mem::forget(socket);
    port
}

/// The first of these files that is there.
pub(crate) fn first_of(paths: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    paths.into_iter().find(|path| path.is_file())
}

/// The reason why a program is not here, or `None` when it is.
pub(crate) fn none_installed(name: &str, package: &str) -> Option<String> {
    let debians = Path::new("/usr/sbin").join(name);
    let found = first_of(on_the_path(name).into_iter().chain([debians]));
    let missing = || format!("{name} is not installed (Debian's package {package})");
    found.is_none().then(missing)
}

/// The user and the group of nobody, for root, whom servers refuse to be.
fn other_user() -> Option<[u32; 2]> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0);
    is_root.then(|| {
        let users = fs::read_to_string("/etc/passwd").expect("it is readable");
        let nobody = users.lines().find_map(|line| line.strip_prefix("nobody:"));
        let fields = nobody.expect("there is nobody").split(':').skip(1);
        let ids: Vec<u32> = fields.filter_map(|field| field.parse().ok()).collect();
        [ids[0], ids[1]]
    })
}

/// The program as a user without rights, which ends when whoever starts it does, and with
/// which all ends that it started.
fn as_user(words: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some([user, group]) = other_user() {
        let ids = [format!("--reuid={user}"), format!("--regid={group}")];
        command.args(ids).arg("--clear-groups");
    }
    command.args([
        "--",
        "unshare",
        "--user",
        "--map-current-user",
        "--pid",
        "--fork",
    ]);
    command.args(["--kill-child=KILL", "--"]).args(words);
    command
}

/// Starts the command from a thread that lives as long as this process: who ends with the
/// thread that started him would end with a story otherwise.
fn spawn_for_ever(command: Command) -> std::io::Result<Child> {
    type Order = (Command, mpsc::Sender<std::io::Result<Child>>);
    static ORDERS: Mutex<Option<mpsc::Sender<Order>>> = Mutex::new(None);
    let (answer, answered) = mpsc::channel();
    let mut orders = ORDERS.lock().unwrap_or_else(PoisonError::into_inner);
    let orders = orders.get_or_insert_with(|| {
        let (orders, taken) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in taken {
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    orders
        .send((command, answer))
        .expect("the thread never ends");
    answered.recv().expect("the thread never ends")
}

/// A file with this name in the folders that programs are in.
pub(crate) fn on_the_path(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).map(|folder| folder.join(name));
    folders.collect()
}
