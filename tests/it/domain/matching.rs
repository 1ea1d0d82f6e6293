//! Which records are matched as one person: files with a known truth, and constructed cases.

mod cases;
mod model;
mod population;
mod truth;
