//! The model of [`Curve`] fitted to the slots of rounds by maximum likelihood.
//!
//! The number of broken requests of a slot is negative binomial: its mean is what the curve
//! says for the speed of that start, and it varies more than a Poisson one, for excesses come
//! in bursts. The speed of a start is integrated out over the normal distribution, so that
//! all slots of a round share it (a generalised linear mixed model; N. E. Breslow and
//! D. G. Clayton, Approximate inference in generalized linear mixed models, 1993).
//!
//! Far beyond the boundary a short slot says nothing of the share that a long one would show,
//! for the queue has just begun to grow. There only "many" counts: the number is cut at
//! [`CUT`] times the allowed one, and so is its mean.

use statrs::function::gamma::{digamma, ln_gamma};

use super::model::{Curve, normal_grid};
use super::slot::SlotSeen;

/// The multiple of the allowed share at which shares are cut.
const CUT: f64 = 10.0;
/// The nodes that the speed of a start is integrated over. Fewer would miss the narrow peak of
/// a round whose slots tell much.
const NODES: usize = 37;
/// Steps of Newton's method at most.
const STEPS: usize = 40;
/// The parameters: the logarithms of the typical rate (from the centre), the slope, the
/// spread between starts, and the size of the negative binomial distribution.
const PARAMETERS: usize = 4;

type Vector = [f64; PARAMETERS];
type Matrix = [[f64; PARAMETERS]; PARAMETERS];

/// What is supposed of each parameter before any slot was seen, so weakly that a dozen rounds
/// outweigh it: a mean and a standard deviation.
const PRIOR: [(f64, f64); PARAMETERS] = [(0.0, 0.3), (3.7, 1.0), (-4.6, 1.5), (-0.5, 1.5)];

/// A slot as the fit sees it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The logarithm of its rate, from the centre.
    x: f64,
    /// The logarithm of its requests.
    log_requests: f64,
    broken: f64,
    /// The requests at which `broken` was cut.
    cut: f64,
}

/// A fitted model.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    pub(super) curve: Curve,
    /// The curve without each round in turn.
    pub(super) without: Vec<Curve>,
}

/// Fits the slots of `rounds`, whose boundary is near the rate `centre`. A round without
/// slots is none.
pub(super) fn fit(rounds: &[Vec<&SlotSeen>], clause: usize, allowed: f64, centre: f64) -> Fit {
    let cut = (CUT * allowed).min(0.5);
    let slot = |seen: &&SlotSeen| {
        let requests = seen.requests as f64;
        Slot {
            x: (seen.rate / centre).ln(),
            log_requests: requests.ln(),
            broken: (seen.broken[clause] as f64).min(cut * requests),
            cut: cut * requests,
        }
    };
    let rounds: Vec<Vec<Slot>> = rounds
        .iter()
        .map(|slots| slots.iter().map(slot).collect())
        .collect();
    let likelihood = Likelihood {
        rounds,
        log_allowed: allowed.ln(),
        nodes: normal_grid(NODES).collect(),
    };
    let peak = likelihood.peak();
    let curve = |at: &Vector| Curve {
        allowed,
        typical: centre * at[0].exp(),
        slope: at[1].exp(),
        between_starts: at[2].exp(),
    };
    Fit {
        curve: curve(&peak),
        without: likelihood.without_each(&peak).iter().map(curve).collect(),
    }
}

struct Likelihood {
    rounds: Vec<Vec<Slot>>,
    log_allowed: f64,
    nodes: Vec<(f64, f64)>,
}

impl Likelihood {
    /// The logarithm of the likelihood of one round and its derivatives.
    fn of_round(&self, slots: &[Slot], at: &Vector) -> (f64, Vector) {
        let [place, log_slope, log_spread, log_size] = *at;
        let (slope, spread, size) = (log_slope.exp(), log_spread.exp(), log_size.exp());
        let constant: f64 = slots
            .iter()
            .map(|slot| ln_gamma(slot.broken + size) - ln_gamma(size) + size * log_size)
            .sum();
        let constant_slope: f64 = slots
            .iter()
            .map(|slot| digamma(slot.broken + size) - digamma(size) + 1.0 + log_size)
            .sum();
        let mut terms: Vec<(f64, Vector)> = Vec::with_capacity(self.nodes.len());
        for (u, weight) in &self.nodes {
            let (mut log, mut slopes) = (weight.ln() + constant, [0.0; PARAMETERS]);
            slopes[3] = constant_slope;
            for slot in slots {
                let distance = slot.x - place - spread * u;
                let line = (self.log_allowed + slope * distance + slot.log_requests).min(60.0);
                // Saturates at the cut.
                let ratio = line.exp() / slot.cut;
                let mean = (slot.cut * -(-ratio).exp_m1()).max(1e-12);
                let elasticity = if ratio > 1e-9 {
                    ratio / ratio.exp_m1()
                } else {
                    1.0
                };
                log += slot.broken * mean.ln() - (slot.broken + size) * (size + mean).ln();
                let pull = (slot.broken - mean) * size / (size + mean) * elasticity;
                slopes[0] -= pull * slope;
                slopes[1] += pull * slope * distance;
                slopes[2] -= pull * slope * spread * u;
                slopes[3] -= (size + mean).ln() + (slot.broken + size) / (size + mean);
            }
            terms.push((log, slopes));
        }
        let most = terms
            .iter()
            .map(|(log, _)| *log)
            .fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut slopes) = (0.0, [0.0; PARAMETERS]);
        for (log, own) in &terms {
            let weight = (log - most).exp();
            sum += weight;
            for (total, own) in slopes.iter_mut().zip(own) {
                *total += weight * own;
            }
        }
        slopes.iter_mut().for_each(|total| *total /= sum);
        slopes[3] *= size;
        (most + sum.ln(), slopes)
    }

    /// The logarithm of the likelihood of all rounds and of the prior.
    fn value(&self, at: &Vector) -> f64 {
        let rounds: f64 = self
            .rounds
            .iter()
            .map(|slots| self.of_round(slots, at).0)
            .sum();
        let prior = at.iter().zip(PRIOR).map(|(at, (mean, deviation))| {
            let z = (at - mean) / deviation;
            z * z / 2.0
        });
        rounds - prior.sum::<f64>()
    }

    /// The slopes of each round's logarithm, and its curvatures by differences of those.
    fn rounds_at(&self, at: &Vector) -> Vec<(Vector, Matrix)> {
        const STEP: Vector = [1e-5, 1e-4, 1e-4, 1e-4];
        let of = |slots: &Vec<Slot>| {
            let slopes = self.of_round(slots, at).1;
            let mut curvatures = [[0.0; PARAMETERS]; PARAMETERS];
            for (parameter, step) in STEP.iter().enumerate() {
                let mut beside = *at;
                beside[parameter] += step;
                let there = self.of_round(slots, &beside).1;
                for other in 0..PARAMETERS {
                    curvatures[other][parameter] = (there[other] - slopes[other]) / step;
                }
            }
            (slopes, symmetric(&curvatures))
        };
        self.rounds.iter().map(of).collect()
    }

    /// Slopes and negative curvatures of all rounds and the prior.
    fn total(rounds: &[(Vector, Matrix)], at: &Vector) -> (Vector, Matrix) {
        let (mut slopes, mut information) = ([0.0; PARAMETERS], [[0.0; PARAMETERS]; PARAMETERS]);
        for (index, (mean, deviation)) in PRIOR.iter().enumerate() {
            slopes[index] = (mean - at[index]) / deviation.powi(2);
            information[index][index] = deviation.powi(-2);
        }
        for (own, curvatures) in rounds {
            for row in 0..PARAMETERS {
                slopes[row] += own[row];
                for column in 0..PARAMETERS {
                    information[row][column] -= curvatures[row][column];
                }
            }
        }
        (slopes, information)
    }

    /// The parameters of the greatest likelihood, by Newton's method, damped where the
    /// likelihood isn't concave (D. W. Marquardt, 1963).
    fn peak(&self) -> Vector {
        const LONGEST: Vector = [0.08, 0.7, 1.0, 1.0];
        let mut at = PRIOR.map(|(mean, _)| mean);
        let mut value = self.value(&at);
        let mut damping = 1e-3;
        for _ in 0..STEPS {
            let (slopes, information) = Self::total(&self.rounds_at(&at), &at);
            let mut moved = false;
            while damping < 1e9 {
                let step = damped_step(&information, &slopes, damping);
                let next = step.map(|step| {
                    let mut next = at;
                    for index in 0..PARAMETERS {
                        next[index] += step[index].clamp(-LONGEST[index], LONGEST[index]);
                    }
                    next
                });
                let better = next.map(|next| (next, self.value(&next)));
                if let Some((next, reached)) = better.filter(|(_, reached)| *reached >= value) {
                    moved = reached - value > 1e-7;
                    (at, value) = (next, reached);
                    damping = (damping / 10.0).max(1e-9);
                    break;
                }
                damping *= 10.0;
            }
            if !moved {
                break;
            }
        }
        at
    }

    /// The parameters without each round in turn, one step of Newton's method from the `peak`
    /// (D. Pregibon, Logistic regression diagnostics, 1981).
    fn without_each(&self, peak: &Vector) -> Vec<Vector> {
        let rounds = self.rounds_at(peak);
        let (slopes, information) = Self::total(&rounds, peak);
        let without = |(own, curvatures): &(Vector, Matrix)| {
            let (mut slopes, mut information) = (slopes, information);
            for row in 0..PARAMETERS {
                slopes[row] -= own[row];
                for column in 0..PARAMETERS {
                    information[row][column] += curvatures[row][column];
                }
            }
            let mut at = *peak;
            if let Some(step) = damped_step(&information, &slopes, 1e-9) {
                for index in 0..PARAMETERS {
                    at[index] += step[index].clamp(-1.0, 1.0);
                }
            }
            at
        };
        rounds.iter().map(without).collect()
    }
}

/// The mean of a matrix and its mirror image, which rounding made differ.
fn symmetric(matrix: &Matrix) -> Matrix {
    let mut mean = *matrix;
    for row in 0..PARAMETERS {
        for column in 0..PARAMETERS {
            mean[row][column] = f64::midpoint(matrix[row][column], matrix[column][row]);
        }
    }
    mean
}

/// The solution of (information + damping × its diagonal) × step = slopes by Cholesky's
/// decomposition; `None` when that matrix isn't positive definite.
fn damped_step(information: &Matrix, slopes: &Vector, damping: f64) -> Option<Vector> {
    let mut factor = [[0.0; PARAMETERS]; PARAMETERS];
    for row in 0..PARAMETERS {
        for column in 0..=row {
            let known: f64 = (0..column)
                .map(|k| factor[row][k] * factor[column][k])
                .sum();
            let mut own = information[row][column];
            if row == column {
                own += damping * own.abs().max(1e-3);
                let square = own - known;
                if square <= 1e-12 {
                    return None;
                }
                factor[row][row] = square.sqrt();
            } else {
                factor[row][column] = (own - known) / factor[column][column];
            }
        }
    }
    let mut step = *slopes;
    for row in 0..PARAMETERS {
        let known: f64 = (0..row).map(|k| factor[row][k] * step[k]).sum();
        step[row] = (step[row] - known) / factor[row][row];
    }
    for row in (0..PARAMETERS).rev() {
        let known: f64 = (row + 1..PARAMETERS)
            .map(|k| factor[k][row] * step[k])
            .sum();
        step[row] = (step[row] - known) / factor[row][row];
    }
    Some(step)
}
