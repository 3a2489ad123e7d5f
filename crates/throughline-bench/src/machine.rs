//! What the operating system tells: the kind of machine, how busy it is, what a process uses.
//!
//! Only Linux tells; elsewhere the numbers are missing, never guessed. No name of a host or a user is read.

use std::fs;

use serde_json::{Value, json};

/// The kernel counts processor time in hundredths of a second.
const TICKS_A_SECOND: f64 = 100.0;

/// The machine, in words.
pub(crate) fn kind() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = field("/proc/meminfo", "MemTotal").and_then(|text| kibibytes(&text));
    let memory =
        memory.map_or_else(String::new, |bytes| format!(", {:.0} GiB of memory", bytes / 1_073_741_824.0));
    format!("{processors} vCPU {model}{memory}, {}", std::env::consts::OS)
}

/// How many processes wanted to run, over the last minute.
pub(crate) fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// Resident memory of a process, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    /// All of it.
    pub(crate) all: f64,
    /// What it allocated, without pages of files.
    pub(crate) allocated: f64,
}

/// Resident memory of a process.
pub(crate) fn resident(process: u32) -> Option<Resident> {
    let path = format!("/proc/{process}/status");
    let bytes = |name| field(&path, name).and_then(|text| kibibytes(&text));
    Some(Resident { all: bytes("VmRSS")?, allocated: bytes("RssAnon")? })
}

/// Processor time a process has used so far, in milliseconds.
pub(crate) fn processor_ms(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold spaces; what follows it does not.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) * 1_000.0 / TICKS_A_SECOND)
}

/// All of it for the record.
pub(crate) fn to_json() -> Value {
    json!({ "machine": kind(), "load_average": load_average() })
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.split(':').next().map(str::trim) == Some(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kibibytes(text: &str) -> Option<f64> {
    Some(text.strip_suffix(" kB")?.trim().parse::<f64>().ok()? * 1_024.0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_has_used_time() {
        let own = std::process::id();
        let resident = resident(own).unwrap();
        assert!(resident.all >= resident.allocated && resident.allocated > 0.0);
        assert!(processor_ms(own).is_some());
        assert_eq!(processor_ms(u32::MAX), None);
    }
}
