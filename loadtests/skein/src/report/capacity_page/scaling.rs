//! Capacity over replicas, with the laws that were fitted to it.

use maud::{Markup, html};

use crate::capacity::record::{CapacityRecord, FitRecord, PatternRecord, ScalingRecord};
use crate::report::chart::marks::{dots, line};
use crate::report::chart::{Axis, Figure, Key, Scale, path, table};
use crate::report::figures::{known, parts, per_second, percent, significant};
use crate::report::layout::scroll;
use crate::words::capitalised;

/// The sections about scaling laws.
pub(super) fn section(record: &CapacityRecord) -> Markup {
    html! {
        @for (place, pattern) in record.patterns.iter().enumerate() {
            @if let Some(scaling) = &pattern.scaling { (of_pattern(place, pattern, scaling)) }
        }
    }
}

fn of_pattern(place: usize, pattern: &PatternRecord, scaling: &ScalingRecord) -> Markup {
    html! {
        section {
            h2 { (capitalised(&pattern.name)) ": over replicas" }
            (chart(place, scaling))
            (scroll("Steps", &steps(scaling)))
            @if !scaling.fits.is_empty() { (scroll("Laws", &laws(&scaling.fits))) }
            @for remark in &scaling.remarks { p.small.soft { (capitalised(remark)) "." } }
        }
    }
}

const CLASSES: [&str; 2] = ["s2", "s3 dashed"];

fn chart(place: usize, scaling: &ScalingRecord) -> Markup {
    let curves = scaling.fits.iter().flat_map(|fit| &fit.curve);
    let points = scaling.points.iter();
    let furthest = curves.clone().map(|point| point.replicas);
    let furthest = furthest
        .chain(points.clone().map(|point| point.replicas))
        .max()
        .unwrap_or(1);
    let most = curves.map(|point| point.per_second);
    let most = most
        .chain(points.map(|point| point.capacity.high))
        .fold(1.0, f64::max);
    let x = Axis::new(
        Scale::linear(0.0, f64::from(furthest)),
        furthest.min(8) as usize,
        parts,
    );
    let y = Axis::new(Scale::from_zero(most), 5, per_second);
    let points = || scaling.points.iter();
    let at = |replicas: u32, rate: f64| (x.place(f64::from(replicas)), y.place(rate));
    let whiskers = points().map(|point| {
        let ends = [point.capacity.low, point.capacity.high];
        line(ends.map(|rate| Some(at(point.replicas, rate))))
    });
    let drawing = html! {
        @for (fit, class) in scaling.fits.iter().zip(CLASSES) {
            (path(class, &line(fit.curve.iter().map(|point| Some(at(point.replicas, point.per_second))))))
        }
        (path("s1", &whiskers.collect::<String>()))
        (path("dots s1", &dots(points().map(|point| at(point.replicas, point.capacity.rate)))))
    };
    let mut keys = vec![Key {
        class: "s1 dots",
        name: "measured, with its interval",
    }];
    keys.extend(scaling.fits.iter().zip(CLASSES).map(|(fit, class)| Key {
        class,
        name: &fit.law,
    }));
    let id = format!("chart-scaling-{place}");
    let figure = Figure {
        id: &id,
        title: "Capacity over replicas, in turns a second",
        description: "The capacity with each number of replicas, and the laws that fit, up to twice the most that were measured.".to_owned(),
        x: &x,
        y: &y,
        height: 15.0,
        bands: &[],
        keys: &keys,
        reads_out: None,
    };
    let rows = points().map(|point| {
        let mut row = vec![
            point.replicas.to_string(),
            per_second(point.capacity.rate),
            format!(
                "{} to {}",
                per_second(point.capacity.low),
                per_second(point.capacity.high)
            ),
        ];
        let by_law = scaling.fits.iter().map(|fit| {
            let mut curve = fit.curve.iter();
            let fitted = curve.find(|fitted| fitted.replicas == point.replicas);
            known(fitted.map(|fitted| fitted.per_second), per_second)
        });
        row.extend(by_law);
        row
    });
    let mut head = vec!["Replicas", "Turns/s", "Interval"];
    head.extend(scaling.fits.iter().map(|fit| &*fit.law));
    figure.with(&drawing, &table(&head, rows))
}

/// The gain of each step from one number of replicas to the next.
fn steps(scaling: &ScalingRecord) -> Markup {
    let more = |ratio: f64| percent((ratio - 1.0) * 100.0);
    let rows = scaling.steps.iter().map(|step| {
        vec![
            format!("from {} to {}", parts(step.from), parts(step.to)),
            more(step.ratio),
            step.interval.map_or_else(
                || "–".to_owned(),
                |(low, high)| format!("{} to {}", more(low), more(high)),
            ),
            more(step.linear),
        ]
    });
    table(
        &["Replicas", "Capacity more by", "Interval", "Were it linear"],
        rows,
    )
}

fn laws(fits: &[FitRecord]) -> Markup {
    let rows = fits.iter().flat_map(|fit| {
        fit.coefficients.iter().map(|coefficient| {
            vec![
                format!("{}: {}", capitalised(&fit.law), coefficient.name),
                significant(coefficient.value),
                format!(
                    "{} to {}",
                    significant(coefficient.lower),
                    significant(coefficient.upper)
                ),
                residuals(fit),
            ]
        })
    });
    table(
        &[
            "Coefficient",
            "Value",
            "Interval",
            "Measured − fitted, turns/s",
        ],
        rows,
    )
}

fn residuals(fit: &FitRecord) -> String {
    let all = fit.residuals.iter().map(|residual| significant(*residual));
    all.collect::<Vec<_>>().join(", ")
}
