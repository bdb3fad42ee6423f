//! The command line: gates that are still missing are held, and the table is made.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use services::contract::Service;
use skein::exit_code::{Failure, Outcome};
use skein::gate::{self, Setup};
use skein::output::deliver;
use skein::{Event, Events, Interruption, Topology};

use crate::cases::{CASES, Case};
use crate::gates::{Gates, StudyGate};
use crate::neighbours::Neighbours;
use crate::readme::replace_table;
use crate::table::table;

/// True when services can be slowed down on purpose.
const CAN_PLANT: bool = cfg!(feature = "planted-slowdowns");

/// Measure how often the gate is right, on builds whose difference is known.
#[derive(Debug, Parser)]
#[command(name = "gate-study", version)]
pub struct GateStudy {
    /// Cases to study [default: all]. Those with something planted take a build with
    /// the feature `planted-slowdowns`.
    #[arg(value_name = "CASE", value_parser = CASES.map(|case| case.name))]
    cases: Vec<String>,

    /// How many gates of each case there are to be; a study goes on where it stopped.
    #[arg(long, value_name = "N", default_value_t = 0)]
    gates: usize,

    /// How long each gate measures.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = gate::budget)]
    budget: Duration,

    /// Beside neighbours that keep every core half busy.
    #[arg(long)]
    busy: bool,

    /// Also put the table into this file, between the marks that are there for it.
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,

    /// Where rounds are kept.
    #[arg(long, value_name = "DIR", default_value = "loadtests/study/data")]
    folder: PathBuf,
}

impl GateStudy {
    /// Does what the command line says.
    pub fn execute(self) -> Outcome {
        let chosen =
            |case: &&Case| self.cases.is_empty() || self.cases.iter().any(|c| c == case.name);
        let plants = |case: &Case| !case.planted.is_empty() || !case.planted_before.is_empty();
        let takes_feature = CASES.iter().filter(chosen).find(|case| plants(case));
        if let Some(case) = takes_feature.filter(|_| self.gates > 0 && !CAN_PLANT) {
            return Err(Failure::usage(anyhow::anyhow!(
                "case {} plants a slowdown, which this build can't; use scripts/gate-study, or \
                 build with --features planted-slowdowns",
                case.name
            )));
        }
        let interruption = Interruption::listen().map_err(Failure::not_started)?;
        // One gate of each by turns, so that a machine's good and bad hours are shared.
        for number in 1..=self.gates {
            for case in CASES.iter().filter(chosen) {
                self.gate(case, number, &interruption)?;
            }
        }
        let table = table(&self.folder).map_err(Failure::usage)?;
        if let Some(file) = &self.into {
            replace_table(file, &table).map_err(Failure::usage)?;
        }
        deliver(table).map_err(Failure::not_kept)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The gate with this number, unless it is there.
    fn gate(&self, case: &Case, number: usize, interruption: &Interruption) -> Result<(), Failure> {
        let kept = Gates::new(&self.folder, case, self.busy);
        if kept.has(number, self.budget).map_err(Failure::usage)? {
            return Ok(());
        }
        let _neighbours = self
            .busy
            .then(Neighbours::start)
            .transpose()
            .map_err(Failure::not_started)?;
        let events = Events::shown();
        let remark = |text: String| events.emit(Event::Remarked { text });
        remark(format!("gate {number} of {}: {}", self.gates, case.what));
        let scratch = skein::scratch::folder("study").map_err(Failure::not_started)?;
        let plan = loadtests::program()
            .load_plan("gate")
            .map_err(Failure::usage)?;
        let system = |planted: &[(Service, &str, &str)]| {
            let planted = planted.iter();
            let laboratory = planted.fold(loadtests::laboratory(&plan), |laboratory, plant| {
                let (service, flag, value) = plant;
                laboratory.with(*service, flag, value)
            });
            Topology::clone(&laboratory)
        };
        let setup = Setup {
            id: format!("{}-{number}", case.name),
            baseline: gate::this_build(),
            candidate: gate::this_build(),
            systems: [system(case.planted_before), system(case.planted)],
            is_aa: case.planted.is_empty() && case.planted_before.is_empty(),
            plan,
            budget: self.budget,
            to_the_end: false,
            calibration: None,
            seed: rand::random(),
            command: String::new(),
        };
        let held = gate::run(setup, scratch.path(), &events, interruption);
        events.hush();
        let record = held.map_err(Failure::invalid)?.record;
        if record.interrupted {
            return Err(Failure::invalid(anyhow::anyhow!(
                "interrupted; the same command goes on from here"
            )));
        }
        remark(record.judgement.sentence.clone());
        kept.add(&StudyGate::of(number, &record))
            .map_err(Failure::invalid)
    }
}
