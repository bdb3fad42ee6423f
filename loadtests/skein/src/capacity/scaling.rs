//! Capacity over replicas: what each replica more bought, and the laws that fit.

use stats::scaling::{Coefficient, Fitted, Law, Point, Resampling, fit, neighbours};

use super::record::{
    CoefficientRecord, FitRecord, PredictionRecord, ScalingPoint, ScalingRecord, SystemRecord,
};
use crate::words::counted;

/// The law by which the capacity of a pattern's systems grows with replicas; `None` where fewer
/// than two of them tell their number and have a capacity.
pub(super) fn of(
    own: &SystemRecord,
    own_replicas: Option<u32>,
    variants: &[&SystemRecord],
) -> Option<ScalingRecord> {
    let with_number = variants.iter().map(|variant| (variant.replicas, *variant));
    let all = with_number.chain([(own_replicas, own)]);
    let points = all.filter_map(|(replicas, system)| {
        Some(ScalingPoint {
            replicas: replicas?,
            system: system.name.clone(),
            capacity: *system.finding.capacity.estimate()?,
        })
    });
    let mut points: Vec<ScalingPoint> = points.collect();
    points.sort_by_key(|point| point.replicas);
    if points.len() < 2 {
        return None;
    }
    let confidence = own.finding.confidence;
    let measured: Vec<Point> = points
        .iter()
        .map(|point| Point {
            replicas: f64::from(point.replicas),
            capacity: point.capacity.rate,
            interval: Some((point.capacity.low, point.capacity.high)),
        })
        .collect();
    let resampling = Resampling {
        confidence,
        ..Resampling::default()
    };
    let mut remarks = Vec::new();
    let mut fits = Vec::new();
    for law in [Law::Amdahl, Law::Universal] {
        match fit(law, &measured, resampling) {
            Ok(fitted) => fits.push(record(&fitted)),
            Err(too_few) => remarks.push(too_few.to_string()),
        }
    }
    if let Some(fitted) = fits.iter().find(|fitted| fitted.residual_error > 2.0) {
        remarks.push(format!(
            "the points are further from {} than their intervals allow: it isn't the law of this system",
            fitted.law
        ));
    }
    let most = points.last().map_or(0, |point| point.replicas);
    remarks.push(format!(
        "nothing was measured beyond {}; what a law says beyond twice as many is no more than a guess",
        counted(u64::from(most), "replica", "replicas")
    ));
    Some(ScalingRecord {
        steps: neighbours(&measured, confidence),
        points,
        fits,
        remarks,
    })
}

fn record(fitted: &Fitted) -> FitRecord {
    let (law, has_coherency) = match fitted.law {
        Law::Amdahl => ("Amdahl’s law", false),
        Law::Universal => ("the Universal Scalability Law", true),
    };
    let named = |name: &str, value: Coefficient| CoefficientRecord {
        name: name.to_owned(),
        value: value.value,
        lower: value.low,
        upper: value.high,
    };
    let mut coefficients = vec![
        named("γ, turns a second of one replica", fitted.one),
        named("α, contention", fitted.contention),
    ];
    if has_coherency {
        coefficients.push(named("β, coherency", fitted.coherency));
    }
    let most = (2.0 * fitted.measured_up_to).ceil() as u32;
    let curve = (1..=most).map(|replicas| {
        let predicted = fitted.predict(f64::from(replicas));
        PredictionRecord {
            replicas,
            per_second: predicted.capacity,
            lower: predicted.low,
            upper: predicted.high,
        }
    });
    FitRecord {
        law: law.to_owned(),
        coefficients,
        residuals: fitted
            .residuals
            .iter()
            .map(|residual| residual.difference)
            .collect(),
        residual_error: fitted.residual_error,
        peak_replicas: fitted.peak.map(|peak| peak.replicas),
        curve: curve.collect(),
    }
}
