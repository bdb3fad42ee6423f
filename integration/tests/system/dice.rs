//! Random choices that can be made again: the seed of a story that fails is printed,
//! and `SKEIN_SEED` sets it.

use std::env;
use std::ops::{Deref, DerefMut};
use std::thread;

use rand::SeedableRng;
use rand::rngs::StdRng;

/// Draws from a seed of its own.
pub(crate) struct Dice {
    seed: u64,
    rng: StdRng,
}

impl Dice {
    pub(crate) fn new() -> Self {
        let given = env::var("SKEIN_SEED").ok();
        let seed = given.map_or_else(rand::random, |seed| {
            seed.parse().expect("SKEIN_SEED is a whole number")
        });
        let rng = StdRng::seed_from_u64(seed);
        Dice { seed, rng }
    }
}

impl Deref for Dice {
    type Target = StdRng;

    fn deref(&self) -> &StdRng {
        &self.rng
    }
}

impl DerefMut for Dice {
    fn deref_mut(&mut self) -> &mut StdRng {
        &mut self.rng
    }
}

impl Drop for Dice {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("SKEIN_SEED={} makes the same choices again", self.seed);
        }
    }
}
