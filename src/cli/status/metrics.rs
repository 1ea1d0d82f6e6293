//! Reads a server's metrics in the text format of Prometheus.

use crate::model::Micros;

/// A missing metric, such as of an older version, is absent here too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    pub version: Option<String>,
    /// `sqlite` or `postgres`.
    pub database: Option<String>,
    pub started_at: Option<Micros>,
    pub connections: Option<u64>,
    pub calls: Option<u64>,
    pub watches: Option<u64>,
    pub sealed_at: Option<Micros>,
    pub resident_bytes: Option<u64>,
}

impl Metrics {
    pub fn read(text: &str) -> Self {
        let samples: Vec<Sample<'_>> = text.lines().filter_map(Sample::read).collect();
        let build = samples.iter().find(|it| it.name == "throughline_build_info");
        let one = |name: &str, label: Option<(&str, &str)>| {
            let mut found = samples.iter().filter(|it| it.name == name);
            found.find(|it| label.is_none_or(|(name, value)| it.label(name) == Some(value)))
        };
        let count = |name| one(name, None).and_then(|it| it.value.parse::<f64>().ok()).map(whole);
        let seconds = |sample: &Sample<'_>| sample.value.parse::<f64>().ok();
        let time = |sample: Option<&Sample<'_>>| {
            let seconds = seconds(sample?)?;
            Micros::try_from(whole(seconds * 1_000_000.0)).ok()
        };
        let text = |label| build?.label(label).map(ToOwned::to_owned);
        Self {
            version: text("version"),
            database: text("database"),
            started_at: time(one("process_start_time_seconds", None)),
            connections: count("throughline_connections"),
            calls: count("throughline_calls_under_way"),
            watches: count("throughline_watches"),
            sealed_at: time(one(
                "throughline_job_last_success_timestamp_seconds",
                Some(("job_name", "sealing")),
            )),
            resident_bytes: count("process_resident_memory_bytes"),
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
fn whole(value: f64) -> u64 {
    value as u64
}

/// A line with a value.
struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    value: &'a str,
}

impl<'a> Sample<'a> {
    fn read(line: &'a str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let (name, value) = line.rsplit_once(' ')?;
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        Some(Self { name, labels: labels.trim_end_matches('}'), value })
    }

    /// None of the labels that are read contains a comma or a quotation mark.
    fn label(&self, name: &str) -> Option<&'a str> {
        let mut labels = self.labels.split(',').filter_map(|label| label.split_once('='));
        let (_, value) = labels.find(|(found, _)| *found == name)?;
        Some(value.trim_matches('"'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_read_and_what_is_not_is_nothing() {
        let text = "# HELP throughline_build_info x\n# TYPE throughline_build_info gauge\n\
            throughline_build_info{version=\"0.1.0\",database=\"sqlite\"} 1\n\
            process_start_time_seconds 1773489600.5\n\
            throughline_calls_under_way 3\n\
            throughline_job_last_success_timestamp_seconds{job_name=\"matching\"} 1\n\
            throughline_job_last_success_timestamp_seconds{job_name=\"sealing\"} 1773489660\n\
            nonsense\n# EOF\n";
        let read = Metrics::read(text);
        let wanted = Metrics {
            version: Some("0.1.0".to_owned()),
            database: Some("sqlite".to_owned()),
            started_at: Some(1_773_489_600_500_000),
            calls: Some(3),
            sealed_at: Some(1_773_489_660_000_000),
            ..Metrics::default()
        };
        assert_eq!(read, wanted);
        assert_eq!(Metrics::read(""), Metrics::default());
    }
}
