//! What the generator can do at most, on this machine and now: for a second, its users
//! ask somebody who answers at once, in the way in which they will ask the system.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::environment::own_cpu_time;
use crate::plan::Plan;
use crate::samples::Route;
use crate::user::{Answer, User};
use crate::workload::Workload;

/// What the generator does at its limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ceiling {
    /// Requests a second.
    pub per_second: f64,
    /// CPU seconds a second that the generator used for them.
    pub cores: f64,
    /// CPU seconds a second that those who answered used meanwhile, and that a server
    /// on another machine would leave to the generator.
    #[serde(default)]
    pub responders: f64,
}

/// How long the generator is given to show what it can do.
const LASTS: Duration = Duration::from_secs(1);
/// Users that ask one responder at the same time: enough to keep its core busy.
const USERS: usize = 32;
/// Cores to a responder. An answer costs about as much as asking does, nearly all of it
/// in the kernel, so that each can keep the other busy.
const CORES_TO_A_RESPONDER: usize = 2;

impl Ceiling {
    /// CPU seconds a second that the generator can use, when nobody answers here.
    pub fn available(self) -> f64 {
        self.cores + self.responders
    }

    /// Measures it, with users such as those of `plan`.
    ///
    /// # Errors
    ///
    /// When nobody can listen on this machine, when requests can't leave it or aren't
    /// answered, or when CPU time can't be read.
    pub async fn measure(plan: &Plan, seed: u64) -> io::Result<Ceiling> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let responders = (0..cores.div_ceil(CORES_TO_A_RESPONDER))
            .map(|_| NullResponder::start())
            .collect::<io::Result<Vec<_>>>()?;
        let workloads: Vec<_> = responders
            .iter()
            .map(|responder| format!("http://{}", responder.address))
            .map(|url| Arc::new(Workload::new(plan, seed, &url)))
            .collect();
        let before = own_cpu_time()?;
        let began = Instant::now();
        let users: Vec<_> = workloads
            .iter()
            .flat_map(|workload| (0..USERS).map(move |seat| (Arc::clone(workload), seat)))
            .map(|(workload, seat)| tokio::spawn(ask(workload, seat, began + LASTS)))
            .collect();
        for user in users {
            user.await?;
        }
        let lasted = began.elapsed().as_secs_f64();
        let used = own_cpu_time()?.saturating_sub(before);
        let mut by_responders = Duration::ZERO;
        for responder in responders {
            // It is a thread of this process and no part of the generator.
            by_responders += responder.stop()?;
        }
        let (mut answers, mut failed) = (0, 0);
        for samples in workloads.iter().map(|w| w.recorder.snapshot()) {
            if let Some((shortage, requests)) = samples.near_side.first_key_value() {
                let (count, cause) = (requests.count, shortage.cause());
                return Err(io::Error::other(format!(
                    "{count} requests never left this machine, for {cause}"
                )));
            }
            let total = samples.total(|_| true);
            answers += total.count();
            failed += total.failed();
        }
        if failed > 0 || answers == 0 {
            // To fail is another thing than to answer at once, and takes another time.
            let failed = format!("{failed} of {answers} requests to nobody in particular failed");
            return Err(io::Error::other(failed));
        }
        Ok(Ceiling {
            per_second: answers as f64 / lasted,
            cores: used.saturating_sub(by_responders).as_secs_f64() / lasted,
            responders: by_responders.as_secs_f64() / lasted,
        })
    }
}

async fn ask(workload: Arc<Workload>, seat: usize, until: Instant) {
    const ROUTE: Route = Route::new("GET", "/");
    let mut user = User::new(seat, workload);
    while Instant::now() < until {
        let request = user.get(ROUTE.path);
        let check = |answer: &Answer| answer.expect_status(200);
        user.send(ROUTE, request, check).await;
        drop(user.take_finished());
    }
}

/// Answers every request at once, from a thread of its own.
struct NullResponder {
    address: SocketAddr,
    /// Dropped, it ends the thread.
    end: oneshot::Sender<()>,
    /// Ends with the CPU time that it has used.
    thread: JoinHandle<io::Result<Duration>>,
}

impl NullResponder {
    fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let (end, ended) = oneshot::channel();
        Ok(NullResponder {
            address: listener.local_addr()?,
            end,
            thread: thread::Builder::new()
                .name("null-responder".to_owned())
                .spawn(move || respond(listener, ended))?,
        })
    }

    fn stop(self) -> io::Result<Duration> {
        drop(self.end);
        self.thread
            .join()
            .map_err(|_| io::Error::other("the null responder panicked"))?
    }
}

fn respond(listener: std::net::TcpListener, ended: oneshot::Receiver<()>) -> io::Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(answer_all(stream))),
                    Err(error) => return error,
                }
            }
        };
        tokio::select! {
            error = accept => Err(error),
            _ = ended => Ok(()),
        }
    })?;
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Answers each head that is read; requests here have no body, and a client sends the
/// next one only after an answer.
async fn answer_all(mut stream: TcpStream) -> io::Result<()> {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    const HEAD_ENDS: &[u8] = b"\r\n\r\n";
    stream.set_nodelay(true)?;
    let mut head = Vec::with_capacity(4096);
    while stream.read_buf(&mut head).await? > 0 {
        if head.ends_with(HEAD_ENDS) {
            head.clear();
            stream.write_all(ANSWER).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_generator_has_a_ceiling_made_of_requests_that_succeed() {
        let plan = crate::testing::plan("smoke");
        let ceiling = Ceiling::measure(&plan, 1)
            .await
            .expect("it can be measured");
        assert!(ceiling.per_second > 100.0, "{ceiling:?}");
        assert!(ceiling.cores > 0.01, "{ceiling:?}");
        assert!(ceiling.responders > 0.01, "{ceiling:?}");
    }
}
