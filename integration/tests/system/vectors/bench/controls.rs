//! The controls: nginx and HAProxy as plain child processes before a recording
//! backend, each with a configuration in the test's own folder.
//!
//! They are Debian's packages. Their ports are reserved like those of nodes: a socket
//! of ours is bound there and never listens, and they listen beside it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use integration::wait::wait_for;
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};

use crate::real_program::{first_of, on_the_path};
use crate::support::PATIENCE;

/// Another proxy, against which the vectors are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Nginx,
    HaProxy,
}

/// A control that runs. It is killed when this is dropped, and by the kernel when this
/// test ends before.
pub(crate) struct Running {
    address: SocketAddr,
    _process: Child,
    _reservation: TcpSocket,
}

/// Why the controls can't be asked here, or `None` when they can.
pub(crate) fn missing() -> Option<String> {
    let missing = Control::ALL
        .iter()
        .filter(|control| control.program().is_none());
    let missing: Vec<&str> = missing.map(|control| control.name()).collect();
    match missing[..] {
        [] => None,
        [one] => Some(format!("{one} is not installed")),
        _ => Some(format!("{} are not installed", missing.join(" and "))),
    }
}

impl Control {
    /// All of them.
    pub(crate) const ALL: [Control; 2] = [Control::Nginx, Control::HaProxy];

    /// The name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Control::Nginx => "nginx",
            Control::HaProxy => "HAProxy",
        }
    }

    /// The program, where it is installed: Debian keeps them where not every `PATH` looks.
    fn program(self) -> Option<PathBuf> {
        let program = match self {
            Control::Nginx => "nginx",
            Control::HaProxy => "haproxy",
        };
        let others = ["/usr/sbin", "/usr/local/sbin"].map(|folder| Path::new(folder).join(program));
        first_of(on_the_path(program).into_iter().chain(others))
    }

    /// Starts it before a backend, with its files in `folder`.
    pub(crate) async fn start(self, folder: &Path, backend: SocketAddr) -> Running {
        let reservation = TcpSocket::new_v4().expect("a socket");
        reservation.set_reuseport(true).expect("Linux shares ports");
        let any_port = "127.0.0.1:0".parse().expect("an address");
        reservation.bind(any_port).expect("a free port");
        let address = reservation.local_addr().expect("bound");

        let log = folder.join(format!("{}.log", self.name()));
        let output = || {
            Stdio::from(
                fs::File::options()
                    .create(true)
                    .append(true)
                    .open(&log)
                    .expect("a log"),
            )
        };
        let mut command = self.command(folder, address, backend);
        let process = command
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .kill_on_drop(true)
            .spawn()
            .expect("setpriv of util-linux is there");
        wait_for(format!("{} to listen", self.name()), PATIENCE, async || {
            let connected = TcpStream::connect(address).await.map(drop);
            connected.map_err(|e| format!("{e}; {}", fs::read_to_string(&log).unwrap_or_default()))
        })
        .await
        .unwrap_or_else(|overdue| panic!("{overdue}"));
        Running {
            address,
            _process: process,
            _reservation: reservation,
        }
    }

    fn command(self, folder: &Path, address: SocketAddr, backend: SocketAddr) -> Command {
        let program = self.program().expect("looked for by the story's need");
        let file = folder.join(format!("{}.conf", self.name()));
        let configuration = match self {
            Control::Nginx => nginx(folder, address, backend),
            Control::HaProxy => haproxy(address, backend),
        };
        fs::write(&file, configuration).expect("a writable folder");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program);
        match self {
            // Else it would open a log that Debian's configuration names.
            Control::Nginx => command.args(["-e", "stderr", "-c"]).arg(file),
            Control::HaProxy => command.args(["-db", "-f"]).arg(file),
        };
        command
    }
}

impl Running {
    /// The address on which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// One process in the foreground, which keeps connections to the backend, as the
/// laboratory's balancer does. What a client leaves unfinished is given up after
/// some seconds, for the vectors that nginx waits over.
fn nginx(folder: &Path, address: SocketAddr, backend: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        r#"daemon off; master_process off; pid "{folder}/nginx.pid"; error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off; lingering_time 1s; lingering_timeout 1s;
  client_header_timeout 3s; client_body_timeout 3s; keepalive_timeout 3s;
  client_body_temp_path "{folder}/body"; proxy_temp_path "{folder}/proxy";
  fastcgi_temp_path "{folder}/fastcgi"; uwsgi_temp_path "{folder}/uwsgi"; scgi_temp_path "{folder}/scgi";
  upstream backend {{ server {backend}; keepalive 64; }}
  server {{
    listen {address} reuseport;
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }}
  }}
}}
"#
    )
}

/// One process in the foreground; HAProxy shares its ports unasked.
fn haproxy(address: SocketAddr, backend: SocketAddr) -> String {
    format!(
        "global
  maxconn 1024
defaults
  mode http
  timeout connect 5s
  timeout client 3s
  timeout http-request 3s
  timeout http-keep-alive 3s
  timeout server 10s
frontend vectors
  bind {address}
  default_backend backend
backend backend
  http-reuse always
  server recorder {backend}
"
    )
}
