//! Figures that scenarios counted and measured themselves, as named figures and as a section.

use std::collections::BTreeMap;

use crate::figure::{Figure, FigureRecord, Kind, Reading};
use crate::plan::Plan;
use crate::report::figures::{in_unit, significant};
use crate::samples::{MeasuredSamples, Samples, Statistic};
use crate::section::{Cell, Section};
use crate::threshold::{Measured, Unit};

/// All that was counted and measured in judged stages; nothing is zero, where somebody could have
/// counted.
pub(in crate::run) fn measured(plan: &Plan, samples: &Samples) -> Measured {
    let declared = plan.application.figures.iter();
    let declared = declared.filter(|figure| plan.measures(figure.name));
    let mut all: BTreeMap<&'static str, MeasuredSamples> = declared
        .map(|figure| (figure.name, MeasuredSamples::new(*figure)))
        .collect();
    for ((stage, name), samples) in &samples.measured {
        if plan.is_judged(*stage) {
            let sum = all.entry(name);
            sum.or_insert_with(|| MeasuredSamples::new(samples.figure))
                .add(samples);
        }
    }
    all
}

/// The statistics of a figure that a record keeps, with what follows its name.
fn statistics(figure: &Figure) -> Vec<(&'static str, Statistic)> {
    match figure.kind {
        Kind::Told => Vec::new(),
        Kind::Counted => vec![("", Statistic::Sum), ("-rate", Statistic::Rate)],
        Kind::Measured => vec![
            ("-avg", Statistic::Average),
            ("-min", Statistic::Minimum),
            ("-p50", Statistic::Percentile(50.0)),
            ("-p90", Statistic::Percentile(90.0)),
            ("-p95", Statistic::Percentile(95.0)),
            ("-p99", Statistic::Percentile(99.0)),
            ("-max", Statistic::Maximum),
        ],
    }
}

/// The figures as a record keeps them; a count that is labelled is among the first, and of what is
/// measured the 99th percentile.
pub(super) fn figures(measured: &Measured, seconds: f64) -> impl Iterator<Item = FigureRecord> {
    measured.values().flat_map(move |samples| {
        let figure = samples.figure;
        statistics(&figure)
            .into_iter()
            .map(move |(end, statistic)| {
                let record = figure.record(samples.reading(statistic, seconds));
                let is_first = matches!(statistic, Statistic::Sum) || end == "-p99";
                let label = record.label.filter(|_| is_first);
                FigureRecord {
                    name: format!("{}{end}", figure.name),
                    unit: match statistic {
                        Statistic::Rate => Unit::PerSecond,
                        _ => figure.unit,
                    },
                    label: label.map(|label| match figure.kind {
                        Kind::Measured => format!("{label}, p99"),
                        Kind::Told | Kind::Counted => label,
                    }),
                    ..record
                }
            })
    })
}

/// The section about them; `None` where there are none.
pub(super) fn section(measured: &Measured, seconds: f64) -> Option<Section> {
    if measured.is_empty() {
        return None;
    }
    let cell = |samples: &MeasuredSamples, statistic| match samples.reading(statistic, seconds) {
        Reading::Value(value) => Cell::from(match samples.figure.unit {
            // A mean of numbers is rarely a whole one.
            Unit::Count => significant(value),
            unit => in_unit(value, unit),
        }),
        Reading::NoSamples | Reading::OutOfSight => Cell::Unknown,
    };
    let of = |kind: Kind| {
        let samples = measured.values();
        samples.filter(move |samples| samples.figure.kind == kind)
    };
    let counted = of(Kind::Counted).map(|samples| {
        let rate = match samples.reading(Statistic::Rate, seconds) {
            Reading::Value(rate) => Cell::from(in_unit(rate, Unit::PerSecond)),
            Reading::NoSamples | Reading::OutOfSight => Cell::Unknown,
        };
        vec![
            samples.figure.name.into(),
            samples.figure.about.into(),
            samples.sum.into(),
            rate,
        ]
    });
    let trends = of(Kind::Measured).map(|samples| {
        let percentile = |percent| cell(samples, Statistic::Percentile(percent));
        vec![
            samples.figure.name.into(),
            samples.figure.about.into(),
            samples.count().into(),
            cell(samples, Statistic::Average),
            percentile(50.0),
            percentile(90.0),
            percentile(99.0),
            cell(samples, Statistic::Maximum),
        ]
    });
    let mut section =
        Section::new("own-figures", "Counted and measured by users").in_short("Own figures");
    if of(Kind::Counted).next().is_some() {
        let head = ["Figure", "About", "Count", "Rate"];
        section = section.table("Counted by users", head, counted);
    }
    if of(Kind::Measured).next().is_some() {
        let head = [
            "Figure", "About", "Measured", "Mean", "p50", "p90", "p99", "Max",
        ];
        section = section.table("Measured by users", head, trends);
    }
    Some(section.note("By the scenarios themselves, in judged stages."))
}
