//! Users who follow a scenario that a plan tells step by step: each keeps its cookies and
//! what it took from answers, and gives up a turn at the first step that fails.

pub(crate) mod once;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use cookie_store::CookieStore;
use http::{HeaderValue, header};

use crate::client::{Request, Target};
use crate::plan::{Condition, Requests, Slot, Step, Story, Template};
use crate::ready::Ready;
use crate::supply::{Needs, Supply, Values};
use crate::user::User;
use crate::workload::Workload;

/// A plan's scenarios, made ready for one server.
#[derive(Debug)]
pub(crate) struct Stories(Vec<ReadyStory>);

#[derive(Debug)]
struct ReadyStory {
    keeps_cookies: bool,
    needs: Arc<Needs>,
    once: Arc<[ReadyStep]>,
    steps: Arc<[ReadyStep]>,
}

/// A step, made ready.
#[derive(Debug)]
struct ReadyStep {
    step: Step,
    ready: Ready,
    /// The values that no step of the turn needs before it does: when it is repeated, it gets
    /// others.
    own: Needs,
}

/// A user of a scenario.
pub(crate) struct Teller {
    needs: Arc<Needs>,
    once: Arc<[ReadyStep]>,
    steps: Arc<[ReadyStep]>,
    values: Values,
    cookies: Option<CookieStore>,
    has_begun: bool,
}

/// The end of a step, or of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All went well, or wasn't to be done.
    Well,
    /// Something failed, so that what follows has nothing to go on.
    Failed,
}

impl Stories {
    /// The scenarios of `requests` for the server at `target`.
    pub(crate) fn new(requests: &Requests, target: &Target) -> Self {
        let ready = |story: &Story| ReadyStory {
            keeps_cookies: story.keeps_cookies,
            needs: needs(story.once.iter().chain(&story.steps), &requests.slots),
            once: ready_steps(&story.once, &requests.slots, target),
            steps: ready_steps(&story.steps, &requests.slots, target),
        };
        Stories(requests.stories.iter().map(ready).collect())
    }

    /// A user of the scenario at this place, who gets values from `supply`.
    pub(crate) fn teller(&self, place: usize, supply: &Supply) -> Teller {
        let story = &self.0[place];
        Teller {
            needs: Arc::clone(&story.needs),
            once: Arc::clone(&story.once),
            steps: Arc::clone(&story.steps),
            values: supply.begin(),
            cookies: story.keeps_cookies.then(CookieStore::default),
            has_begun: false,
        }
    }
}

/// The needs of all of these steps.
fn needs<'a>(steps: impl IntoIterator<Item = &'a Step>, slots: &[Slot]) -> Arc<Needs> {
    let templates = steps.into_iter().flat_map(Step::templates);
    Arc::new(Needs::of(templates.flat_map(Template::values), slots))
}

fn ready_steps(steps: &[Step], slots: &[Slot], target: &Target) -> Arc<[ReadyStep]> {
    let mut needed = BTreeSet::new();
    let ready = steps.iter().map(|step| {
        let places = step.templates().flat_map(Template::values);
        let places: Vec<usize> = places.filter(|place| needed.insert(*place)).collect();
        ReadyStep {
            ready: Ready::new(step.request.clone(), target, !step.captures.is_empty()),
            own: Needs::of(places, slots),
            step: step.clone(),
        }
    });
    ready.collect()
}

impl Teller {
    /// One who takes these steps and no others, with cookies of its own.
    pub(crate) fn of_steps(steps: &[Step], slots: &[Slot], workload: &Workload) -> Self {
        Teller {
            needs: needs(steps, slots),
            once: Arc::new([]),
            steps: ready_steps(steps, slots, &workload.target),
            values: workload.supply.begin(),
            cookies: Some(CookieStore::default()),
            has_begun: true,
        }
    }

    /// Takes one turn, and before the first what is done once. True when all of it went well.
    pub(crate) async fn turn(&mut self, user: &mut User) -> bool {
        let workload = Arc::clone(user.workload());
        let (supply, seat) = (&workload.supply, user.seat());
        let supplied = supply.begin_turn(&self.needs, &mut self.values, seat, user.rng());
        let before = user.requests();
        let end = match supplied {
            Ok(()) => self.steps_of_turn(user).await,
            Err(used_up) => {
                user.finds_no_data(&used_up.to_string()).await;
                End::Failed
            }
        };
        if user.requests() == before {
            // Of a turn in which nothing was to be sent, others shall notice nothing.
            tokio::task::yield_now().await;
        }
        end == End::Well
    }

    /// Values that the steps so far took from answers, by their places.
    pub(crate) fn captured(&self, step: &[Step]) -> Vec<(usize, String)> {
        let values = &self.values;
        let captures = step.iter().flat_map(|step| &step.captures);
        let places = captures.map(|capture| capture.place);
        places
            .filter(|place| values.has(*place))
            .map(|place| (place, values.all()[place].clone()))
            .collect()
    }

    async fn steps_of_turn(&mut self, user: &mut User) -> End {
        if !self.has_begun {
            let once = Arc::clone(&self.once);
            if self.take(&once, user).await == End::Failed {
                return End::Failed;
            }
            self.has_begun = true;
        }
        let steps = Arc::clone(&self.steps);
        self.take(&steps, user).await
    }

    /// Takes steps until one fails or the load is over.
    async fn take(&mut self, steps: &[ReadyStep], user: &mut User) -> End {
        for ReadyStep { step, ready, own } in steps {
            if step.chance < 1.0 && !user.chance(step.chance) {
                continue;
            }
            let times = user.draw(step.repeat.clone());
            for time in 0..times {
                if !step
                    .condition
                    .is_none_or(|condition| condition.holds(&self.values))
                {
                    break;
                }
                if time > 0 {
                    let workload = Arc::clone(user.workload());
                    workload.supply.draw(own, &mut self.values, user.rng());
                }
                if self.send(step, ready, user).await == End::Failed {
                    return End::Failed;
                }
                if !user.rest_about(step.think_time).await {
                    return End::Failed;
                }
            }
        }
        End::Well
    }

    async fn send(&mut self, step: &Step, ready: &Ready, user: &mut User) -> End {
        let values = &self.values;
        let workload = Arc::clone(user.workload());
        let mut request = ready.request(&workload.target, values.all());
        let url = self
            .cookies
            .as_ref()
            .and_then(|_| request.url(&workload.target));
        if let Some((cookies, url)) = self.cookies.as_ref().zip(url.as_ref()) {
            request = with_cookies(request, cookies, url);
        }
        let mut set_cookies = Vec::new();
        let checked = user.send(step.request.route, request, |answer| {
            set_cookies.extend(answer.headers.get_all(header::SET_COOKIE).iter().cloned());
            let counted = |name, held| workload.count_check(name, answer.stage, held);
            ready.check(answer, values.all(), counted, |seen| {
                let taken = step.captures.iter().map(|capture| {
                    let value = capture.of(seen).or_else(|| capture.otherwise.clone());
                    let value = value.ok_or(capture.fault)?;
                    Ok((capture.place, value))
                });
                taken.collect::<Result<Vec<_>, &'static str>>()
            })
        });
        let checked = checked.await;
        // A wrong answer may set cookies too, as a browser would see them.
        if let Some((cookies, url)) = self.cookies.as_mut().zip(url) {
            let set = set_cookies.iter().filter_map(|set| set.to_str().ok());
            for cookie in set {
                // What is no cookie, or another server's, is left out (RFC 6265, section 5.3).
                let _ = cookies.parse(cookie, &url);
            }
        }
        match checked {
            Some(taken) => {
                for (place, value) in taken {
                    self.values.set(place, value);
                }
                End::Well
            }
            None => End::Failed,
        }
    }
}

impl Condition {
    fn holds(self, values: &Values) -> bool {
        match self {
            Condition::Has(place) => values.has(place),
            Condition::Lacks(place) => !values.has(place),
        }
    }
}

/// The request with the cookies that a server at `url` gets.
fn with_cookies(request: Request, cookies: &CookieStore, url: &url::Url) -> Request {
    let pairs = cookies.get_request_values(url);
    let pairs: Vec<_> = pairs
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    match HeaderValue::from_str(&pairs.join("; ")) {
        Ok(value) if !pairs.is_empty() => request.header(header::COOKIE, value),
        _ => request,
    }
}
