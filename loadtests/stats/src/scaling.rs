//! The scaling of a system: its capacity over the number of replicas, as differences between
//! neighbours and as a law.
//!
//! ```text
//! point       a number of replicas and the capacity that was measured with them
//! neighbours  what one replica more bought, each with its interval
//! law         Amdahl's law and the Universal Scalability Law
//! fit         a law fitted to points, with intervals, residuals and its peak
//! ```
//!
//! A law is the picture; the differences are what was measured. Nothing is said of more than
//! twice as many replicas as were measured without a warning: see [`Prediction::is_far`].
//!
//! # Which library
//!
//! `basin` has least squares with bounds, is maintained, and needs no library of linear
//! algebra for three coefficients. `levenberg-marquardt` has no bounds and brings `nalgebra`;
//! `argmin` has Gauss–Newton but neither damping nor bounds for it.

mod fit;
mod law;
mod neighbours;
mod point;

pub use fit::{Coefficient, Fitted, Peak, Prediction, Resampling, Residual, TooFewPoints, fit};
pub use law::{Coefficients, Law};
pub use neighbours::{Step, neighbours};
pub use point::Point;
