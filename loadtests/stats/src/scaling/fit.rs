//! A law fitted to points by least squares, with intervals by resampling.

use std::convert::Infallible;
use std::fmt::{self, Display, Formatter};

use basin::{
    BoundedLevenbergMarquardt, BoxBounds, Constrained, ConstraintSet, DenseMatrix, Executor,
    Jacobian,
};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{ChiSquared, Distribution, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::law::{Coefficients, Law};
use super::point::Point;

/// The way in which intervals are made: points are drawn again around the fitted law, as far
/// from it as they may be, and fitted again (B. Efron and R. Tibshirani, An Introduction to the
/// Bootstrap, 1993, §6.5).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resampling {
    /// The number of times.
    pub draws: usize,
    /// Every draw follows it.
    pub seed: u64,
    /// The confidence of the intervals, of the points' and of the law's.
    pub confidence: f64,
}

impl Default for Resampling {
    fn default() -> Self {
        Resampling {
            draws: 500,
            seed: 0,
            confidence: 0.95,
        }
    }
}

/// A law fitted to points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fitted {
    /// The law.
    pub law: Law,
    /// The capacity of one replica, γ.
    pub one: Coefficient,
    /// The contention, α.
    pub contention: Coefficient,
    /// The coherency, β; 0 by Amdahl's law.
    pub coherency: Coefficient,
    /// The number of replicas with the greatest capacity; `None` when there is none within
    /// reach: more replicas do more, up to a hundred times as many as were measured.
    pub peak: Option<Peak>,
    /// The points, and how far they are from the law.
    pub residuals: Vec<Residual>,
    /// The standard deviation of the points from the law. Where each point has an interval it is
    /// in units of what the intervals allow: beyond 2 the law isn't that of this system.
    pub residual_error: f64,
    /// The most replicas that were measured.
    pub measured_up_to: f64,
    /// The confidence of the intervals.
    pub confidence: f64,
    /// The coefficients of each time that the points were drawn.
    draws: Vec<Coefficients>,
}

/// A coefficient and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coefficient {
    /// The best guess.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// The number of replicas with the greatest capacity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Peak {
    /// The best guess.
    pub replicas: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval; `None` when there may be no peak at all.
    pub high: Option<f64>,
    /// The capacity there.
    pub capacity: f64,
}

/// A point and the law.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Residual {
    /// The point.
    pub point: Point,
    /// The capacity by the law.
    pub fitted: f64,
    /// Measured less fitted.
    pub difference: f64,
}

/// The capacity that a law gives a number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Prediction {
    /// The number of replicas.
    pub replicas: f64,
    /// The best guess.
    pub capacity: f64,
    /// The lower end of the interval, as far as the law holds.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// True beyond twice as many replicas as were measured, where nothing vouches for the law:
    /// whoever shows the prediction has to say so.
    pub is_far: bool,
}

/// Too few numbers of replicas were measured for a law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFewPoints {
    /// The law.
    pub law: Law,
    /// The different numbers of replicas that were measured.
    pub measured: usize,
}

impl Display for TooFewPoints {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (name, needed) = match self.law {
            Law::Amdahl => ("Amdahl's law", self.law.fewest_points()),
            Law::Universal => ("the Universal Scalability Law", self.law.fewest_points()),
        };
        let measured = self.measured;
        write!(
            f,
            "{name} needs {needed} different numbers of replicas, and {measured} were measured"
        )
    }
}

impl std::error::Error for TooFewPoints {}

/// Fits a `law` to `points`. Those that have intervals count by how narrow they are, if all do.
///
/// # Errors
///
/// There are fewer different numbers of replicas than [`Law::fewest_points`].
pub fn fit(law: Law, points: &[Point], resampling: Resampling) -> Result<Fitted, TooFewPoints> {
    let mut numbers: Vec<f64> = points.iter().map(|point| point.replicas).collect();
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    if numbers.len() < law.fewest_points() {
        return Err(TooFewPoints {
            law,
            measured: numbers.len(),
        });
    }
    let problem = Weighted::of(law, points, resampling.confidence);
    let best = problem.solve();
    let freedom = (points.len() - law.coefficients()) as f64;
    let residual_error = (problem.squares(&best) / freedom).sqrt();
    let draws = problem.draw(&best, residual_error, freedom, resampling);
    let measured_up_to = numbers[numbers.len() - 1];
    let bounds = |of: fn(&Coefficients) -> f64| {
        let (low, high) = middle(draws.iter().map(of).collect(), resampling.confidence);
        Coefficient {
            value: of(&best),
            low,
            high,
        }
    };
    let residual = |point: &Point| {
        let fitted = best.capacity(point.replicas);
        Residual {
            point: *point,
            fitted,
            difference: point.capacity - fitted,
        }
    };
    Ok(Fitted {
        law,
        one: bounds(|c| c.one),
        contention: bounds(|c| c.contention),
        coherency: bounds(|c| c.coherency),
        peak: peak(&best, &draws, measured_up_to, resampling.confidence),
        residuals: points.iter().map(residual).collect(),
        residual_error: residual_error * problem.scale,
        measured_up_to,
        confidence: resampling.confidence,
        draws,
    })
}

impl Fitted {
    /// The coefficients without their intervals.
    pub fn coefficients(&self) -> Coefficients {
        Coefficients {
            one: self.one.value,
            contention: self.contention.value,
            coherency: self.coherency.value,
        }
    }

    /// The capacity of `replicas` by the law.
    pub fn predict(&self, replicas: f64) -> Prediction {
        let drawn = self.draws.iter().map(|drawn| drawn.capacity(replicas));
        let (low, high) = middle(drawn.collect(), self.confidence);
        Prediction {
            replicas,
            capacity: self.coefficients().capacity(replicas),
            low,
            high,
            is_far: replicas > 2.0 * self.measured_up_to,
        }
    }
}

/// A peak further away than this many times what was measured is none.
const OUT_OF_REACH: f64 = 100.0;

fn peak(best: &Coefficients, draws: &[Coefficients], up_to: f64, confidence: f64) -> Option<Peak> {
    let limit = OUT_OF_REACH * up_to;
    let replicas = best.peak().filter(|peak| *peak <= limit)?.max(1.0);
    let drawn = draws
        .iter()
        .map(|drawn| drawn.peak().unwrap_or(f64::INFINITY));
    let (low, high) = middle(drawn.collect(), confidence);
    Some(Peak {
        replicas,
        low: low.max(1.0),
        high: (high <= limit).then_some(high),
        capacity: best.capacity(replicas),
    })
}

/// The ends of what is left when as much is cut off at both ends as `confidence` allows.
fn middle(mut values: Vec<f64>, confidence: f64) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let cut = (last as f64 * (1.0 - confidence) / 2.0).round() as usize;
    (values[cut], values[last - cut])
}

/// The problem of least squares: residuals in units of what each point may be off by, when that
/// is known, else of the greatest capacity.
#[derive(Clone)]
struct Weighted {
    law: Law,
    /// Replicas, capacity and weight.
    points: Vec<(f64, f64, f64)>,
    /// The greatest ratio of capacity to replicas, in which γ is measured.
    unit: f64,
    /// The unit of residuals that are all alike; 1 when intervals give each its own.
    scale: f64,
    has_intervals: bool,
}

impl Weighted {
    fn of(law: Law, points: &[Point], confidence: f64) -> Self {
        let deviations: Option<Vec<f64>> = points
            .iter()
            .map(|point| {
                let deviation = point.capacity * point.log_deviation(confidence)?;
                (deviation > 0.0).then_some(deviation)
            })
            .collect();
        let greatest = points
            .iter()
            .map(|point| point.capacity)
            .fold(0.0, f64::max);
        let per_replica = points.iter().map(|point| point.capacity / point.replicas);
        let has_intervals = deviations.is_some();
        let deviations = deviations.unwrap_or_else(|| vec![greatest; points.len()]);
        let weighted = points.iter().zip(&deviations);
        Weighted {
            law,
            points: weighted
                .map(|(point, deviation)| (point.replicas, point.capacity, 1.0 / deviation))
                .collect(),
            unit: per_replica.fold(0.0, f64::max),
            scale: if has_intervals { 1.0 } else { greatest },
            has_intervals,
        }
    }

    /// The coefficients with the least squares.
    fn solve(&self) -> Coefficients {
        let zero = vec![0.0; self.law.coefficients()];
        // A replica alone may do more than the best of several does each, but not much more.
        let mut most = vec![10.0, 1.0, 1.0];
        let mut start = vec![1.0, 0.05, 0.001];
        most.truncate(zero.len());
        start.truncate(zero.len());
        let bounds = ConstraintSet::new().with_bounds(BoxBounds::new(Some(zero), Some(most)));
        let bounded = Constrained::new(self.clone(), bounds);
        let solver =
            BoundedLevenbergMarquardt::new().with_absolute_scaled_gradient_tolerance(1e-12);
        let result = Executor::from_start(bounded, solver, start.clone())
            .max_iter(500)
            .run();
        self.coefficients(&result.map_or(start, |result| result.param().clone()))
    }

    fn coefficients(&self, parameters: &[f64]) -> Coefficients {
        Coefficients {
            one: parameters[0] * self.unit,
            contention: parameters[1],
            coherency: parameters.get(2).copied().unwrap_or(0.0),
        }
    }

    fn squares(&self, at: &Coefficients) -> f64 {
        let differences = self
            .points
            .iter()
            .map(|(replicas, capacity, weight)| (at.capacity(*replicas) - capacity) * weight);
        differences.map(|difference| difference.powi(2)).sum()
    }

    /// The coefficients of points that were drawn around `best`. They are as far off as their
    /// intervals say, or further if the residuals are, or as far as the residuals when there
    /// are no intervals; how far those are is then uncertain too.
    fn draw(
        &self,
        best: &Coefficients,
        residual_error: f64,
        freedom: f64,
        resampling: Resampling,
    ) -> Vec<Coefficients> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(resampling.seed);
        let spread = ChiSquared::new(freedom)
            .ok()
            .filter(|_| !self.has_intervals);
        let draw = |_| {
            let deviation = spread.as_ref().map_or(residual_error.max(1.0), |spread| {
                residual_error * (freedom / spread.sample(&mut rng)).sqrt()
            });
            let mut again = self.clone();
            for (replicas, capacity, weight) in &mut again.points {
                let z: f64 = StandardNormal.sample(&mut rng);
                *capacity = best.capacity(*replicas) + z * deviation / *weight;
            }
            again.solve()
        };
        (0..resampling.draws.max(1)).map(draw).collect()
    }
}

impl basin::Residual for Weighted {
    type Param = Vec<f64>;
    type Output = Vec<f64>;
    type Error = Infallible;

    fn residual(&self, at: &Vec<f64>) -> Result<Vec<f64>, Infallible> {
        let at = self.coefficients(at);
        let residual = |(replicas, capacity, weight): &(f64, f64, f64)| {
            (at.capacity(*replicas) - capacity) * weight
        };
        Ok(self.points.iter().map(residual).collect())
    }
}

impl Jacobian for Weighted {
    type Jacobian = DenseMatrix;

    fn jacobian(&self, at: &Vec<f64>) -> Result<DenseMatrix, Infallible> {
        let at = self.coefficients(at);
        let slope = |row: usize, column: usize| {
            let (replicas, _, weight) = self.points[row];
            let capacity = at.capacity(replicas);
            let lost = capacity / at.losses(replicas);
            weight
                * match column {
                    0 => capacity / at.one * self.unit,
                    1 => -lost * (replicas - 1.0),
                    _ => -lost * replicas * (replicas - 1.0),
                }
        };
        let columns = self.law.coefficients();
        Ok(DenseMatrix::from_fn(self.points.len(), columns, slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(of: &[(f64, f64)]) -> Vec<Point> {
        let point = |(replicas, capacity): &(f64, f64)| Point {
            replicas: *replicas,
            capacity: *capacity,
            interval: None,
        };
        of.iter().map(point).collect()
    }

    fn few() -> Resampling {
        Resampling {
            draws: 400,
            ..Resampling::default()
        }
    }

    /// A Sun SPARCcenter 2000 in the benchmark SPEC SDM91, in scripts an hour over simulated
    /// users: data and coefficients from the tests of the R package `usl` 3 (`residuals`,
    /// `fitted`, `summary`, `peak-scalability`), first in N. J. Gunther, Guerrilla Capacity
    /// Planning, 2007.
    const SPEC_SDM91: [(f64, f64); 7] = [
        (1.0, 64.9),
        (18.0, 995.9),
        (36.0, 1652.4),
        (72.0, 1853.2),
        (108.0, 1828.9),
        (144.0, 1775.0),
        (216.0, 1702.2),
    ];

    #[test]
    fn published_data_have_their_published_coefficients() {
        let fitted = fit(Law::Universal, &points(&SPEC_SDM91), few()).expect("seven points");
        let near = |coefficient: Coefficient, published: f64| {
            let off = (coefficient.value / published - 1.0).abs();
            assert!(off < 5e-4, "{coefficient:?} isn't {published}");
        };
        near(fitted.contention, 2.773e-2);
        near(fitted.coherency, 1.044e-4);
        near(fitted.one, 90.00);
        assert!((fitted.residual_error - 82.85).abs() < 0.01);
        let peak = fitted.peak.expect("it has one");
        assert_eq!(peak.replicas.round(), 97.0);
        let published = [-25.10, -81.66, 111.09, 3.05, -49.99, -46.60, 56.00];
        for (residual, published) in fitted.residuals.iter().zip(published) {
            assert!(
                (residual.difference - published).abs() < 0.02,
                "{residual:?}"
            );
        }
        // Published standard errors are 9.122e-3, 1.988e-5 and 14.21, of 4 degrees of freedom.
        let half = |coefficient: Coefficient, error: f64| {
            let widths = (coefficient.high - coefficient.low) / 2.0 / (2.776 * error);
            assert!((0.75..1.35).contains(&widths), "{coefficient:?}: {widths}");
        };
        half(fitted.contention, 9.122e-3);
        half(fitted.coherency, 1.988e-5);
        half(fitted.one, 14.21);
    }

    /// Data that were made by the law, from the tests of the same package (`coef`, and `t02` of
    /// its version 1).
    #[test]
    fn the_coefficients_of_data_that_a_law_made_are_found_again() {
        let throughputs = [
            (1.0, 1.0),
            (2.0, 1.8868),
            (4.0, 3.0769),
            (6.0, 3.5294),
            (8.0, 3.5398),
            (10.0, 3.3557),
        ];
        let near = |fitted: &Fitted, one: f64, contention: f64, coherency: f64| {
            let found = fitted.coefficients();
            assert!((found.one - one).abs() < 1e-3, "{found:?}");
            assert!((found.contention - contention).abs() < 1e-3, "{found:?}");
            assert!((found.coherency - coherency).abs() < 1e-3, "{found:?}");
        };
        let fitted = fit(Law::Universal, &points(&throughputs), few()).expect("six points");
        near(&fitted, 1.0, 0.02, 0.02);
        let steep = [
            (1.0, 1.0),
            (3.0, 1.090909),
            (4.0, 1.0),
            (12.0, 0.5217391),
            (24.0, 0.2944785),
            (48.0, 0.1566068),
        ];
        let fitted = fit(Law::Universal, &points(&steep), few()).expect("six points");
        near(&fitted, 1.0, 0.5, 0.125);
        let law = Coefficients {
            one: 850.0,
            contention: 0.07,
            coherency: 0.0,
        };
        let made = [1.0, 2.0, 3.0, 4.0].map(|replicas| (replicas, law.capacity(replicas)));
        let fitted = fit(Law::Amdahl, &points(&made), few()).expect("four points");
        near(&fitted, 850.0, 0.07, 0.0);
        assert_eq!(fitted.peak, None);
    }

    /// Capacities of one to six replicas by a law, each with an interval of ±3 %, off by up to
    /// half of that.
    fn measured() -> (Coefficients, Vec<Point>) {
        let law = Coefficients {
            one: 1000.0,
            contention: 0.05,
            coherency: 0.01,
        };
        let off = [1.01, 0.99, 1.005, 0.995, 1.01, 0.992];
        let point = |(index, off): (usize, f64)| {
            let replicas = (index + 1) as f64;
            let capacity = law.capacity(replicas) * off;
            Point {
                replicas,
                capacity,
                interval: Some((capacity / 1.03, capacity * 1.03)),
            }
        };
        (law, off.into_iter().enumerate().map(point).collect())
    }

    #[test]
    fn intervals_of_points_become_intervals_of_the_law() {
        let (law, points) = measured();
        let fitted = fit(Law::Universal, &points, few()).expect("six points");
        let holds = |coefficient: Coefficient, truth: f64| {
            let interval = coefficient.low..=coefficient.high;
            assert!(interval.contains(&truth), "{coefficient:?}: {truth}");
            assert!(interval.contains(&coefficient.value), "{coefficient:?}");
        };
        holds(fitted.one, law.one);
        holds(fitted.contention, law.contention);
        holds(fitted.coherency, law.coherency);
        assert!(fitted.residual_error < 1.5, "{}", fitted.residual_error);
        let peak = fitted.peak.expect("it has one");
        let truth = law.peak().expect("it has one");
        assert!(
            peak.low < truth && peak.high.is_none_or(|high| truth < high),
            "{peak:?}"
        );
    }

    #[test]
    fn a_prediction_far_beyond_what_was_measured_says_so_and_is_less_sure() {
        let (_, points) = measured();
        let fitted = fit(Law::Universal, &points, few()).expect("six points");
        let width = |prediction: Prediction| prediction.high / prediction.low;
        let (within, beyond) = (fitted.predict(12.0), fitted.predict(12.5));
        assert!(!within.is_far);
        assert!(beyond.is_far);
        assert!(width(beyond) > width(fitted.predict(4.0)));
    }

    #[test]
    fn too_few_numbers_of_replicas_are_refused_however_often_each_was_measured() {
        let twice = points(&[(1.0, 10.0), (1.0, 10.1), (2.0, 19.0), (2.0, 18.9)]);
        let refused = fit(Law::Amdahl, &twice, few()).expect_err("two numbers");
        assert_eq!(refused.measured, 2);
        let message = "Amdahl's law needs 3 different numbers of replicas, and 2 were measured";
        assert_eq!(refused.to_string(), message);
        let four = points(&[(1.0, 10.0), (2.0, 19.0), (3.0, 27.0), (4.0, 34.0)]);
        assert!(fit(Law::Universal, &four, few()).is_err());
        assert!(fit(Law::Amdahl, &four, few()).is_ok());
    }

    #[test]
    fn a_law_that_is_not_the_systems_shows_in_its_residuals() {
        // A tier behind the replicas ends the growth at three of them, at once.
        let (_, mut points) = measured();
        for point in &mut points {
            point.capacity = (point.replicas * 1000.0).min(3000.0);
            point.interval = Some((point.capacity / 1.01, point.capacity * 1.01));
        }
        let fitted = fit(Law::Amdahl, &points, few()).expect("six points");
        assert!(fitted.residual_error > 2.0, "{}", fitted.residual_error);
    }
}
