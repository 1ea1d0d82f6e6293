//! Files with a known truth, through the command that users can run on their own files.

use std::process::Command;

use serde_json::Value;

use crate::support::outside_data;

/// The minimum results of a file at the default threshold.
struct Bound {
    file: &'static str,
    arguments: &'static [&'static str],
    links: Option<&'static str>,
    precision: f64,
    recall: f64,
}

/// A shop has no social security numbers, so that column is not compared.
const BOUNDS: [Bound; 4] = [
    Bound {
        file: "febrl_dataset1.csv",
        arguments: &["--ignore", "soc_sec_id"],
        links: Some("febrl_dataset1_true_links.csv"),
        precision: 0.998,
        recall: 0.955,
    },
    Bound {
        file: "febrl_dataset3.csv",
        arguments: &["--ignore", "soc_sec_id"],
        links: Some("febrl_dataset3_true_links.csv"),
        precision: 0.998,
        recall: 0.955,
    },
    Bound {
        file: "dataset_A_10000.csv",
        // The number of a record is that of its person and one digit more.
        arguments: &["--truth", "rec_id", "--truth-drop", "1"],
        links: None,
        precision: 0.999,
        recall: 0.995,
    },
    Bound {
        file: "splink_fake_1000.csv",
        arguments: &["--truth", "cluster"],
        links: None,
        precision: 0.98,
        recall: 0.74,
    },
];

#[test]
fn files_with_a_known_truth_are_matched() {
    let Some(folder) = outside_data("identity") else { return };
    println!("{:22} {:>9} {:>7} {:>10} {:>8}", "file", "compared", "found", "precision", "recall");
    for bound in &BOUNDS {
        let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
        command.current_dir(&folder).args(["evaluate", bound.file, "--json"]).args(bound.arguments);
        if let Some(links) = bound.links {
            command.args(["--links", links]);
        }
        let output = command.output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{}: {errors}", bound.file);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let figure = |name: &str| report[name].as_f64().unwrap();
        println!(
            "{:22} {:>9} {:>7} {:>10.4} {:>8.4}",
            bound.file,
            figure("compared"),
            figure("found"),
            figure("precision"),
            figure("recall")
        );
        assert!(figure("precision") >= bound.precision, "{report}");
        assert!(figure("recall") >= bound.recall, "{report}");
    }
}
