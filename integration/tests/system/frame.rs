//! Runs stories as tests: each on a runtime and in a thread of its own, within a
//! deadline; and those that need Docker, or programs of others, only where these are.

use std::env;
use std::fs::File;
use std::io::Write;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime;
use tokio::time::timeout;

use crate::ability::unable;
use crate::needs::Need;

/// No story takes nearly as long, not even with every core kept busy by others.
const DEADLINE: Duration = Duration::from_secs(300);
/// How long after its deadline a story may clean up.
const GRACE: Duration = Duration::from_secs(10);
/// Stories wait more than they compute, so that few cores run several of them.
const LEAST_THREADS: usize = 4;

/// One test.
pub(crate) struct Story {
    /// The file and the function.
    pub(crate) name: &'static str,
    /// What it can't do without.
    pub(crate) need: Need,
    /// The reason why it can't be told of this subject, of which it is told elsewhere.
    pub(crate) not_applicable: Option<&'static str>,
    /// What happens.
    pub(crate) tell: fn() -> Pin<Box<dyn Future<Output = ()>>>,
}

/// Lists stories by their files: `file { story, … }`, `file needs redis { story, … }`, or
/// `file lacks "the reason" { story, … }` for those that are not applicable.
macro_rules! stories {
    (@need) => { $crate::needs::Need::Nothing };
    (@need docker) => { $crate::needs::Need::Docker };
    (@need redis) => { $crate::needs::Need::Redis };
    (@need controls) => { $crate::needs::Need::Controls };
    (@need postgres) => { $crate::needs::Need::Postgres };
    (@need rabbitmq) => { $crate::needs::Need::RabbitMq };
    (@need both) => { $crate::needs::Need::PostgresAndRabbitMq };
    (@need nginx) => { $crate::needs::Need::Nginx };
    (@need haproxy) => { $crate::needs::Need::Haproxy };
    (@need redis_program) => { $crate::needs::Need::RedisProgram };
    (@need parts) => { $crate::needs::Need::Parts };
    (@need images) => { $crate::needs::Need::Images };
    (@need cgroups) => { $crate::needs::Need::Cgroups };
    (@lacks) => { None };
    (@lacks $reason:literal) => { Some($reason) };
    ($($file:ident $(needs $need:ident)? $(lacks $reason:literal)? { $($story:ident,)* })*) => {{
        let mut stories = Vec::new();
        $(
            let need = $crate::frame::stories!(@need $($need)?);
            let not_applicable = $crate::frame::stories!(@lacks $($reason)?);
            $(stories.push($crate::frame::Story {
                name: concat!(stringify!($file), "::", stringify!($story)),
                need,
                not_applicable,
                tell: || Box::pin($file::$story()),
            });)*
        )*
        stories
    }};
}
pub(crate) use stories;

/// Runs the stories that the command line asks for, which is that of any Rust test.
pub(crate) fn run(stories: Vec<Story>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    arguments
        .test_threads
        .get_or_insert(cores.max(LEAST_THREADS));
    let trials = stories.into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(story: Story) -> Trial {
    let kind = story.need.as_str();
    if let Some(reason) = story.not_applicable {
        let ignored = Completion::ignored_with(format!("not applicable: {reason}"));
        return Trial::ignorable_test(story.name, move || Ok(ignored));
    }
    Trial::ignorable_test(story.name, move || match story.need.unmet() {
        Some(reason) => unable(&reason, story.need.required_by()),
        None => {
            let began = Instant::now();
            let told = told_in_a_thread(&story);
            note_down(story.name, began.elapsed());
            told.map(|()| Completion::Completed)
        }
    })
    .with_kind(kind)
}

/// Adds the time that a story took to the file in `SKEIN_TIMES`, if there is one.
fn note_down(story: &str, took: Duration) {
    if let Some(path) = env::var_os("SKEIN_TIMES") {
        let times = File::options().create(true).append(true).open(path);
        let line = format!("{:8.2} {story}\n", took.as_secs_f64());
        let noted = times.and_then(|mut times| times.write_all(line.as_bytes()));
        noted.expect("SKEIN_TIMES names a file that can be written to");
    }
}

/// The thread bears the story's name, and with it the message of a panic does.
fn told_in_a_thread(story: &Story) -> Result<(), Failed> {
    let tell = story.tell;
    let (telling, told) = channel::<()>();
    let thread = thread::Builder::new()
        .name(story.name.to_owned())
        .spawn(move || {
            let _until_the_end = telling;
            told_in_time(tell);
        })
        .map_err(|error| format!("could not start the story's thread: {error}"))?;
    // A story that blocks its thread does not notice its own deadline.
    if told.recv_timeout(DEADLINE + GRACE) == Err(RecvTimeoutError::Timeout) {
        return Err(format!("the story blocks its thread since {DEADLINE:?} or more").into());
    }
    // The runner of the tests turns a panic into a failure.
    thread.join().or_else(|panic| resume_unwind(panic))
}

fn told_in_time(tell: fn() -> Pin<Box<dyn Future<Output = ()>>>) {
    runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async {
            let mut story = pin!(tell());
            let told = timeout(DEADLINE, story.as_mut()).await;
            // The story is dropped by this panic, and its system shows its logs.
            assert!(told.is_ok(), "the story did not end within {DEADLINE:?}");
        });
}
