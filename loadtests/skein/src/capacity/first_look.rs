//! The first look at every system of a study: whether it starts, and roughly what it can do,
//! with what the generator can do at most.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::record::NodeMachine;
use super::rest;
use super::round::{self, RoundError};
use super::study::StudyError;
use super::subject::Subject;
use crate::evidence::Ceiling;
use crate::interruption::Interruption;
use crate::observation::Observation;
use crate::plan::CapacitySettings;
use crate::slots::{SlotLoad, dealt_out, on_cores};

/// The result of the first look.
#[derive(Clone, Debug)]
pub(super) struct FirstLook {
    /// The generator's own limit on its cores.
    pub(super) ceiling: Option<Ceiling>,
    /// Requests of a turn of each system, on average.
    pub(super) requests_per_turn: Vec<f64>,
    /// Turns a second that each system did in closed load.
    pub(super) turns_per_second: Vec<f64>,
    /// The longest time that a system took to start.
    pub(super) start: Duration,
    /// The share of its limit that the generator can be trusted with, 0 to 1.
    trusted: f64,
}

impl FirstLook {
    /// The most turns a second of a system, by its place, that the generator can be trusted
    /// to send.
    pub(super) fn ceiling_of(&self, place: usize) -> Option<f64> {
        let ceiling = self.ceiling?;
        // Who answers here takes time of cores that a system has for itself.
        let without_responders = ceiling.available() / ceiling.cores;
        let requests = ceiling.per_second * without_responders * self.trusted;
        Some(requests / self.requests_per_turn[place])
    }
}

/// The time that a study needs for each of its systems at least, when a start takes so long and
/// the slowest of them did so many turns a second.
pub(super) fn needs(start: Duration, settings: &CapacitySettings, slowest: f64) -> Duration {
    /// Fresh starts that an interval takes, and those before them that look for the place.
    const ROUNDS: u32 = 8;
    const PROBES: u32 = 6;
    /// The slots of a round.
    const SLOTS: u32 = 4;
    /// The share of the budget that is for them: the rest is for the confirmation.
    const SHARE: f64 = 0.85;
    let slot = settings.lead + settings.slot;
    let each = start + settings.warm_up;
    let common = settings.lead + round::common_length(slowest / 2.0, settings.slot);
    let all = ROUNDS * (each + SLOTS * slot + common) + PROBES * (each + slot);
    all.div_f64(SHARE)
}

/// Looks at the systems, one after the other, and starts what lasts longer than a round, with
/// its data in `lasting`; `None` when that was interrupted.
///
/// # Errors
///
/// A system doesn't start, or the operating system refuses something.
pub(super) fn take(
    subjects: &mut [Subject],
    cores: &[usize],
    seed: u64,
    interruption: &Interruption,
    lasting: &Path,
) -> Result<Option<FirstLook>, StudyError> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let system = |what| move |source: io::Error| StudyError::System { what, source };
    let capacity = &subjects[0].plan.capacity;
    let (_, generator_cores) = dealt_out(cores, !capacity.share_cores, &mut rng);
    let plan = subjects[0].plan.clone();
    let trusted = plan.limits.generator_load / 100.0;
    let ceiling = on_cores(&generator_cores, || Ceiling::measure(&plan, seed, false));
    let ceiling = ceiling.map_err(system("start the generator on its cores"))?;
    let mut look = FirstLook {
        ceiling: ceiling.ok(),
        requests_per_turn: Vec::new(),
        turns_per_second: Vec::new(),
        start: Duration::ZERO,
        trusted,
    };
    for (place, subject) in subjects.iter_mut().enumerate() {
        if interruption.happened() {
            return Ok(None);
        }
        let (node_cores, generator_cores) =
            dealt_out(cores, !subject.plan.capacity.share_cores, &mut rng);
        let folder = harness::scratch::folder("capacity");
        let folder = folder.map_err(system("make a folder for the data of a round"))?;
        let seed = rng.random();
        let name = subject.name.clone();
        let lasting = lasting.join(place.to_string());
        let (folder, node_cores) = (folder.path(), &node_cores);
        let interruptible = move || async move {
            tokio::select! {
                looked = look_at(subject, (node_cores, seed), [folder, &lasting]) => Some(looked),
                () = interruption.happens() => None,
            }
        };
        let looked = on_cores(&generator_cores, interruptible);
        let looked = looked.map_err(system("start the generator on its cores"))?;
        let Some(looked) = looked else {
            return Ok(None);
        };
        let (turns_per_second, requests_per_turn, start) =
            looked.map_err(|source| StudyError::NotStarted {
                system: name,
                source: Box::new(source),
            })?;
        look.start = look.start.max(start);
        look.turns_per_second.push(turns_per_second);
        look.requests_per_turn.push(requests_per_turn.max(1.0));
    }
    Ok(Some(look))
}

/// Looks at one system, whose data are in the first of the folders, and what lasts in the
/// second. Gives turns a second, requests of a turn, and the time that the start took.
async fn look_at(
    subject: &mut Subject,
    (node_cores, seed): (&[usize], u64),
    [folder, lasting]: [&Path; 2],
) -> Result<(f64, f64, Duration), RoundError> {
    let load = SlotLoad {
        plan: &subject.plan,
        users: subject.plan.capacity.users,
        open_users: subject.plan.capacity.users,
    };
    let system = &mut subject.system;
    system
        .start_lasting(lasting)
        .await
        .map_err(RoundError::Start)?;
    let started = Instant::now();
    let mut loaded = system.start(load, node_cores, folder, seed).await?;
    let start = started.elapsed();
    let machines = Observation::machines(&loaded.system).into_iter();
    subject.machines = machines
        .map(|(node, machine)| NodeMachine {
            node: node.to_string(),
            machine,
        })
        .collect();
    let began = Instant::now();
    let traffic = loaded.users.closed_slot(load.plan.capacity.warm_up).await;
    let seconds = began.elapsed().as_secs_f64();
    let turns = traffic.turns.max(1) as f64;
    // Every start of the study has to take all of its users in.
    let connecting = Instant::now();
    let load = SlotLoad {
        open_users: load.plan.capacity.open_users,
        ..load
    };
    loaded.renew_users(load, seed);
    rest::connect(&mut loaded, load.plan)
        .await
        .map_err(RoundError::slot)?;
    let start = start + connecting.elapsed();
    Ok((turns / seconds, traffic.done.len() as f64 / turns, start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_study_needs_time_for_as_many_starts_as_an_interval_takes() {
        let usual = CapacitySettings::default();
        let quick = needs(Duration::from_millis(100), &usual, 1000.0);
        assert!((80..140).contains(&quick.as_secs()), "{quick:?}");
        assert!(needs(Duration::from_secs(5), &usual, 1000.0) > quick + Duration::from_secs(60));
        assert!(needs(Duration::from_millis(100), &usual, 50.0) > quick + Duration::from_secs(20));
    }
}
