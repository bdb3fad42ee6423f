//! What the generator can do at most, on this machine and now: for a second, its users
//! ask somebody who answers at once, in the way in which they will ask the system.

mod responder;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{ConnectionSettings, Http};
use crate::environment::own_cpu_time;
use crate::plan::Plan;
use crate::samples::Route;
use crate::user::{Answer, User};
use crate::workload::Workload;
use responder::{Language, NullResponder};

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

    /// Measures it, with users such as those of `plan`, who are to encrypt what they send or
    /// not.
    ///
    /// # Errors
    ///
    /// When nobody can listen on this machine, when requests can't leave it or aren't
    /// answered, or when CPU time can't be read.
    pub async fn measure(plan: &Plan, seed: u64, is_encrypted: bool) -> io::Result<Ceiling> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let language = match (is_encrypted, plan.connection.http) {
            (true, _) => Language::Tls,
            (false, Http::Two) => Language::Http2,
            (false, Http::One | Http::Auto) => Language::Http1,
        };
        let plan = &of_responders(plan);
        let responders = (0..cores.div_ceil(CORES_TO_A_RESPONDER))
            .map(|_| NullResponder::start(language))
            .collect::<io::Result<Vec<_>>>()?;
        let workloads: Vec<_> = responders
            .iter()
            .map(|responder| format!("{}://{}", language.scheme(), responder.address()))
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

/// The plan as users follow it who ask responders: nobody has signed their certificates, and
/// they want none.
fn of_responders(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.connection = ConnectionSettings {
        cacert: None,
        cert: None,
        key: None,
        insecure: true,
        ..plan.connection
    };
    plan
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_generator_has_a_ceiling_made_of_requests_that_succeed() {
        for (http, is_encrypted) in [
            (Http::One, false),
            (Http::Two, false),
            (Http::One, true),
            (Http::Auto, true),
        ] {
            let mut plan = crate::testing::plan("smoke");
            plan.connection.http = http;
            let ceiling = Ceiling::measure(&plan, 1, is_encrypted)
                .await
                .expect("it can be measured");
            assert!(ceiling.per_second > 100.0, "{http}: {ceiling:?}");
            assert!(ceiling.cores > 0.01, "{http}: {ceiling:?}");
            assert!(ceiling.responders > 0.01, "{http}: {ceiling:?}");
        }
    }
}
