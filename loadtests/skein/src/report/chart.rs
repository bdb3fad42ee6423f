//! Charts as SVG that is drawn here: static, so that they show without JavaScript, in
//! print and from a file; coloured by classes, so that they follow light and dark.
//!
//! A drawing stretches with the page, while its labels are text beside it and keep
//! their size, so that it can be read on a phone. Libraries that draw charts write
//! labels and colours into the picture, where neither can follow the page.

mod axis;
mod frame;
pub mod marks;
mod scale;

pub use axis::Axis;
pub use frame::{Band, Figure, Key, path, table};
pub use scale::Scale;
