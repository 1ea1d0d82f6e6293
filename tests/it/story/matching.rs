//! Which records are found to be one person's: files with a known truth, and cases made up here.

mod cases;
mod model;
mod population;
mod truth;
