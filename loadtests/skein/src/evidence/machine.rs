//! What becomes of the time of all cores that the run may use: how much is used, by
//! whom, and how much another virtual machine takes.

use std::time::Duration;

use nix::sched::sched_getaffinity;
use nix::unistd::Pid;
use procfs::{CpuPressure, Current, CurrentSI, KernelStats, ProcError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The clocks of the cores that this process may use, at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineReading {
    busy: Duration,
    idle: Duration,
    stolen: Duration,
    /// How long at least one process had no core, where the kernel tells.
    pressed: Option<Duration>,
}

/// What became of the time of all cores between two moments, in percent of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineUse {
    /// What was used, by anybody, or stolen.
    pub busy: f64,
    /// What was used by processes that are no part of the run.
    pub others: f64,
    /// What other virtual machines took.
    pub stolen: f64,
    /// The share of the time in which at least one process was ready and had no core
    /// (pressure stall information); `None` where the kernel doesn't tell.
    pub pressure: Option<f64>,
}

impl MachineReading {
    /// Reads the clocks. The nodes of a system that this process starts may use the same
    /// cores as it.
    ///
    /// # Errors
    ///
    /// When `/proc/stat` isn't there or isn't understood.
    pub fn now() -> Result<Self, ProcError> {
        let pressure = CpuPressure::current().ok();
        let mut reading = MachineReading {
            pressed: pressure.map(|pressure| Duration::from_micros(pressure.some.total)),
            ..MachineReading::default()
        };
        let allowed = sched_getaffinity(Pid::this()).ok();
        let is_ours = |core: usize| {
            let asked = allowed.as_ref().map(|cores| cores.is_set(core));
            asked.is_none_or(|answer| answer.unwrap_or(true))
        };
        let cores = KernelStats::current()?.cpu_time;
        for (_, cpu) in cores.iter().enumerate().filter(|(core, _)| is_ours(*core)) {
            reading.idle += cpu.idle_duration() + cpu.iowait_duration().unwrap_or_default();
            reading.stolen += cpu.steal_duration().unwrap_or_default();
            reading.busy += cpu.user_duration()
                + cpu.nice_duration()
                + cpu.system_duration()
                + cpu.irq_duration().unwrap_or_default()
                + cpu.softirq_duration().unwrap_or_default();
        }
        Ok(reading)
    }

    /// What became of the time since `earlier`, `elapsed` ago, of which the run's own
    /// processes used `own`. `None` when no time has passed.
    pub fn since(
        &self,
        earlier: &MachineReading,
        elapsed: Duration,
        own: Duration,
    ) -> Option<MachineUse> {
        let busy = self.busy.saturating_sub(earlier.busy);
        let idle = self.idle.saturating_sub(earlier.idle);
        let stolen = self.stolen.saturating_sub(earlier.stolen);
        let all = (busy + idle + stolen).as_secs_f64();
        if all <= 0.0 || elapsed.is_zero() {
            return None;
        }
        let percent = |part: Duration| (part.as_secs_f64() / all * 100.0).clamp(0.0, 100.0);
        let pressed = self.pressed.zip(earlier.pressed);
        Some(MachineUse {
            busy: percent(busy + stolen),
            // The kernel counts these in ticks, and processes in nanoseconds.
            others: percent(busy.saturating_sub(own)),
            stolen: percent(stolen),
            pressure: pressed.map(|(now, before)| {
                let pressed = now.saturating_sub(before).as_secs_f64();
                (pressed / elapsed.as_secs_f64() * 100.0).clamp(0.0, 100.0)
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(millis: [u64; 3]) -> MachineReading {
        let [busy, idle, stolen] = millis.map(Duration::from_millis);
        MachineReading {
            busy,
            idle,
            stolen,
            pressed: None,
        }
    }

    proptest! {
        #[test]
        fn shares_are_shares_of_one_whole(
            before in prop::array::uniform3(0u64..1000),
            used in prop::array::uniform3(0u64..1000),
            own in 0u64..2000,
        ) {
            let after = [0, 1, 2].map(|i| before[i] + used[i]);
            let elapsed = Duration::from_secs(1);
            let use_of = reading(after).since(&reading(before), elapsed, Duration::from_millis(own));
            match use_of {
                None => prop_assert_eq!(used, [0, 0, 0]),
                Some(seen) => {
                    prop_assert!(seen.others <= seen.busy && seen.stolen <= seen.busy);
                    prop_assert!((0.0..=100.0).contains(&seen.busy) && seen.others >= 0.0);
                    let idle = used[1] as f64 / used.iter().sum::<u64>() as f64 * 100.0;
                    prop_assert!((seen.busy + idle - 100.0).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn this_machine_tells_its_time() {
        let before = MachineReading::now().expect("/proc/stat is there");
        let began = std::time::Instant::now();
        std::thread::sleep(Duration::from_millis(100));
        let after = MachineReading::now().expect("it still is");
        let seen = after.since(&before, began.elapsed(), Duration::ZERO);
        assert!(seen.expect("time has passed").busy <= 100.0);
    }
}
