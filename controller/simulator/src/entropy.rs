//! Chance from a seed: the same seed, the same draws.
//!
//! [`Prng`] is splitmix64: small, and good enough for jitter and ids; nothing here is a secret.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ports::{Entropy, Purpose};

/// A sequence of numbers that its seed decides.
/// <https://prng.di.unimi.it/splitmix64.c>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prng(u64);

impl Prng {
    /// The sequence of that seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence that a text stands for: what is derived from an id needs no draw of its own.
    /// <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>
    pub(crate) fn of(text: &str) -> Self {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(text.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw().checked_rem(bound).unwrap_or(0)
    }

    /// Whether something happens that happens `permille` times in a thousand. Draws in any case.
    pub fn chance(&mut self, permille: u16) -> bool {
        self.below(1000) < u64::from(permille)
    }

    /// A duration from zero up to `most`, to the millisecond.
    pub fn duration(&mut self, most: std::time::Duration) -> std::time::Duration {
        let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        std::time::Duration::from_millis(self.below(millis.saturating_add(1)))
    }

    /// So many hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        let mut text = String::new();
        while text.len() < digits {
            text.push_str(&format!("{:016x}", self.draw()));
        }
        text.truncate(digits);
        text
    }
}

/// [`Entropy`] with one sequence a purpose, so that one more draw of one moves no other.
#[derive(Debug)]
pub struct Seeded {
    seed: u64,
    sequences: RefCell<BTreeMap<Purpose, Prng>>,
}

impl Seeded {
    /// The sequences of that seed. Two replicas need two seeds.
    pub fn new(seed: u64) -> Self {
        Self { seed, sequences: RefCell::default() }
    }
}

impl Entropy for Seeded {
    fn draw(&self, purpose: Purpose) -> u64 {
        let seed = Prng::new(self.seed ^ ((purpose as u64 + 1) << 56)).draw();
        self.sequences.borrow_mut().entry(purpose).or_insert_with(|| Prng::new(seed)).draw()
    }
}
