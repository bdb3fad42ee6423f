//! Amdahl's law and the Universal Scalability Law.
//!
//! X(n) = γn ÷ (1 + α(n − 1) + βn(n − 1)): the capacity of n replicas is that of one, γ, times
//! n, less what they lose by waiting for each other (contention, α) and by agreeing with each
//! other (coherency, β). Amdahl's law is the one with β = 0 (G. M. Amdahl, Validity of the
//! single processor approach, 1967; N. J. Gunther, Guerrilla Capacity Planning, 2007, ch. 4–6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A law of scaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// Replicas wait for each other, and never get in each other's way.
    Amdahl,
    /// They do both, so that there is a number beyond which more replicas do less.
    Universal,
}

/// The coefficients of a law.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coefficients {
    /// The capacity of one replica, γ.
    pub one: f64,
    /// The share of the work that replicas wait for each other with, α, from 0 to 1.
    pub contention: f64,
    /// The share of the work that goes into their agreement, pair by pair, β, from 0 to 1.
    pub coherency: f64,
}

impl Law {
    /// The number of its coefficients.
    pub fn coefficients(self) -> usize {
        match self {
            Law::Amdahl => 2,
            Law::Universal => 3,
        }
    }

    /// The fewest numbers of replicas that it is fitted to: some must be left to show how well
    /// it fits.
    pub fn fewest_points(self) -> usize {
        match self {
            Law::Amdahl => 3,
            Law::Universal => 5,
        }
    }
}

impl Coefficients {
    /// The capacity of `replicas`.
    pub fn capacity(&self, replicas: f64) -> f64 {
        self.one * replicas / self.losses(replicas)
    }

    /// The number of replicas with the greatest capacity, as a real number; `None` when more
    /// always do more.
    pub fn peak(&self) -> Option<f64> {
        (self.coherency > 0.0).then(|| ((1.0 - self.contention) / self.coherency).sqrt())
    }

    pub(super) fn losses(&self, replicas: f64) -> f64 {
        let others = replicas - 1.0;
        1.0 + self.contention * others + self.coherency * replicas * others
    }
}
