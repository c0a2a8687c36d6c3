//! Makes a failing script short: which of its events are needed for the promise to be broken.
//!
//! Whole stretches are left out first, then smaller ones, as long as the same oracle objects (delta debugging).
//! <https://www.st.cs.uni-saarland.de/papers/tse2002/>

use std::collections::BTreeSet;

use super::run::{Case, Report, run};

/// Runs that the search takes at most.
const RUNS_MAX: u32 = 400;

/// The events that are needed, by their places in the script, and the report of their run.
pub fn shrink(case: Case<'_>, failed: &Report) -> (BTreeSet<usize>, Report) {
    let oracle = failed.violation.as_ref().map(|violation| violation.oracle);
    // What came after the failure is not needed.
    let mut kept: BTreeSet<usize> = (0..failed.script.len().min(failed.reached + 1)).collect();
    let mut runs = 0;
    let mut fails = |kept: &BTreeSet<usize>| {
        runs += 1;
        let report = run(Case { kept: Some(kept), traced: false, ..case });
        let same = report.violation.as_ref().map(|violation| violation.oracle) == oracle;
        (runs <= RUNS_MAX, same)
    };
    let mut stretch = kept.len().div_ceil(2).max(1);
    loop {
        let places: Vec<usize> = kept.iter().copied().collect();
        let mut shorter = false;
        for part in places.chunks(stretch) {
            let without: BTreeSet<usize> = kept.iter().filter(|place| !part.contains(place)).copied().collect();
            let (goes_on, same) = fails(&without);
            if !goes_on {
                return finished(case, kept);
            }
            if same {
                kept = without;
                shorter = true;
            }
        }
        if stretch == 1 && !shorter {
            return finished(case, kept);
        }
        if !shorter {
            stretch = stretch.div_ceil(2).max(1);
        }
    }
}

fn finished(case: Case<'_>, kept: BTreeSet<usize>) -> (BTreeSet<usize>, Report) {
    let report = run(Case { kept: Some(&kept), traced: true, ..case });
    (kept, report)
}
