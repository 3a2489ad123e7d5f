//! Vector instructions: one trait, one small file for each instruction set, chosen when the program runs.
//!
//! The arithmetic of the network is written once, over [`Simd`]. A piece of it is a [`Work`], compiled for every
//! instruction set and run by the best one that the processor has. Integer products are exact and the same
//! everywhere; floating-point results differ in the last bits only. Nothing here knows a model, and nothing outside
//! the files of the instruction sets is `unsafe`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

/// Columns of a matrix that lie together: two vectors or a multiple of two in every instruction set.
pub(crate) const PANEL: usize = 32;

/// The most rows a tile of a product may have: [`Simd::ROWS`] is never more.
pub(crate) const ROWS_MAX: usize = 12;

/// An instruction set. A value of it is the proof that the processor has it.
pub(crate) trait Simd: Copy {
    /// Numbers in a vector of `f32`; [`PANEL`] is a multiple of twice as many.
    const LANES: usize;
    /// Rows of a tile, two vectors wide, that fit the registers.
    const ROWS: usize;
    /// `LANES` numbers.
    type Floats: Copy;
    /// `LANES` running integer sums.
    type Sums: Copy;
    /// Four weights for each of `LANES` columns.
    type Weights: Copy;
    /// Four codes of one row, the same for all columns.
    type Codes: Copy;

    /// Does the work with these instructions.
    fn run<W: Work>(self, work: W) -> W::Output;

    fn splat(self, x: f32) -> Self::Floats;
    /// The first `LANES` numbers.
    fn load(self, from: &[f32]) -> Self::Floats;
    fn store(self, x: Self::Floats, to: &mut [f32]);
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn sub(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn div(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn min(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn max(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a · b + c`, rounded once or twice.
    fn mul_add(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    /// `2^n` for whole `n` from -126 to 127.
    fn power_of_two(self, n: Self::Floats) -> Self::Floats;
    fn sum_of(self, x: Self::Floats) -> f32;
    fn min_of(self, x: Self::Floats) -> f32;
    fn max_of(self, x: Self::Floats) -> f32;
    /// Numbers from 0 to 255, rounded to the nearest whole one (to the even one between two), as bytes.
    fn store_bytes(self, x: Self::Floats, to: &mut [u8]);

    fn no_sums(self) -> Self::Sums;
    /// Weights of the first `LANES` columns.
    fn weights(self, from: &[[i8; 4]]) -> Self::Weights;
    fn codes(self, codes: [u8; 4]) -> Self::Codes;
    /// In each column, adds the four products of code and weight; exact.
    fn dot(self, sums: Self::Sums, codes: Self::Codes, weights: Self::Weights) -> Self::Sums;
    fn floats(self, sums: Self::Sums) -> Self::Floats;
}

/// Something to be computed with whichever instructions there are. `run` must be `#[inline(always)]`, and so must be
/// what it calls, or the compiler may not use these instructions in it.
pub(crate) trait Work {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this processor has.
#[derive(Clone, Copy)]
pub(crate) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(avx2::AvxVnni),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
    Scalar(scalar::Scalar),
}

impl Isa {
    /// The fastest one.
    pub(crate) fn best() -> Self {
        Self::all()[0]
    }

    /// All of them, the fastest first; the last needs no special instruction.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(avx512::Avx512::detect().map(Self::Avx512));
            all.extend(avx2::AvxVnni::detect().map(Self::AvxVnni));
            all.extend(avx2::Avx2::detect().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        all.extend(neon::Neon::detect().map(Self::Neon));
        all.push(Self::Scalar(scalar::Scalar));
        all
    }

    /// The one that every processor has.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self::Scalar(scalar::Scalar)
    }

    /// What it is called by those who make processors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "AVX-512 VNNI",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(_) => "AVX-VNNI",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "AVX2",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "NEON",
            Self::Scalar(_) => "scalar",
        }
    }

    /// Does the work with it.
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.run(work),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(simd) => simd.run(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.run(work),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => simd.run(work),
            Self::Scalar(simd) => simd.run(work),
        }
    }
}
