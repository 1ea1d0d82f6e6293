/// Pseudo-random numbers (SplitMix64) that are the same in each run, so that failures are
/// reproducible.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Prints the seed, which is shown with a failed test.
    pub fn new(seed: u64) -> Self {
        println!("the seed is {seed}");
        Self(seed)
    }

    /// Prints nothing: the caller reports the seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Whether an event with this probability occurs.
    pub fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap();
        usize::try_from(self.next() % bound).unwrap()
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for index in (1..all.len()).rev() {
            all.swap(index, self.below(index + 1));
        }
    }
}
