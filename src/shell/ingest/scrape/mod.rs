//! Scraping: one task per target, kept in step with the configuration and with the files of targets.

mod discovery;
mod fetch;
mod state;
mod status;
mod target;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use self::discovery::DiscoveredFiles;
use self::state::{SampleSettings, TargetState};
use self::target::Target;
use self::worker::{Running, Services, Stop};
use super::Intake;
use crate::config::{ScrapeConfig, TargetGroup};
use crate::model::Labels;
use crate::shell::clock::Clock;
use crate::shell::telemetry::{Ids, Metrics};

pub use state::ScrapeFailure;
pub use status::{TargetHealth, TargetStatus, targets_json};

/// The greatest number of targets of one job; more are left out with a warning.
pub const TARGETS_PER_JOB_MAX: usize = 10_000;

/// How often files of targets are looked at, unless their `refresh_interval` is shorter.
const FILES_POLL_INTERVAL: Duration = Duration::from_secs(5);
/// No more often than this, whatever `refresh_interval` says.
const FILES_POLL_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// All targets of all jobs. Clones share them.
#[derive(Clone, Debug)]
pub struct Scraper {
    services: Services,
    jobs: Arc<Mutex<Jobs>>,
}

/// The jobs as configured, and the targets that run.
#[derive(Debug, Default)]
struct Jobs {
    configs: Vec<Job>,
    running: HashMap<TargetKey, Running>,
    watcher: Option<JoinHandle<()>>,
    /// Problems that were told already.
    told: HashSet<String>,
}

#[derive(Debug)]
struct Job {
    config: Arc<ScrapeConfig>,
    files: DiscoveredFiles,
}

/// What makes a target the same target: its job, its labels, its address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct TargetKey {
    job: String,
    labels: Labels,
    url: String,
}

impl Scraper {
    /// A scraper without jobs.
    pub fn new(intake: Intake, clock: Clock, ids: Ids, metrics: Arc<Metrics>) -> Self {
        Scraper { services: Services { intake, clock, ids, metrics }, jobs: Arc::default() }
    }

    /// Takes over a new configuration, on start and on reload. Targets that stay as they were are not disturbed; targets
    /// whose settings or addresses changed keep what is remembered of their series; targets that are gone get their staleness
    /// markers.
    pub async fn apply(&self, configs: Vec<ScrapeConfig>) {
        let mut jobs = self.jobs.lock().await;
        if let Some(watcher) = jobs.watcher.take() {
            watcher.abort();
        }
        let mut known: HashMap<String, DiscoveredFiles> =
            jobs.configs.drain(..).map(|job| (job.config.job_name.clone(), job.files)).collect();
        jobs.configs = configs
            .into_iter()
            .map(|config| Job { files: known.remove(&config.job_name).unwrap_or_default(), config: Arc::new(config) })
            .collect();
        jobs.told.clear();
        jobs.synchronize(&self.services).await;
        if let Some(interval) = jobs.poll_interval() {
            let (shared, services) = (Arc::clone(&self.jobs), self.services.clone());
            jobs.watcher = Some(tokio::spawn(async move {
                loop {
                    tokio::time::sleep(interval).await;
                    shared.lock().await.synchronize(&services).await;
                }
            }));
        }
    }

    /// The state of every target, in order of job and labels.
    pub async fn targets(&self) -> Vec<TargetStatus> {
        let mut targets: Vec<TargetStatus> = self.jobs.lock().await.running.values().map(Running::status).collect();
        targets.sort_by(|a, b| (&a.job, &a.labels, &a.url).cmp(&(&b.job, &b.labels, &b.url)));
        targets
    }

    /// Ends all scraping without staleness markers: the service stops, the targets do not.
    pub async fn stop(&self) {
        let mut jobs = self.jobs.lock().await;
        if let Some(watcher) = jobs.watcher.take() {
            watcher.abort();
        }
        let stopped: Vec<Running> = jobs.running.drain().map(|(_, running)| running).collect();
        for running in stopped {
            running.stop(Stop::HandOver).await;
        }
    }
}

impl Jobs {
    /// How often to look at the files of targets; `None` if no job has any.
    fn poll_interval(&self) -> Option<Duration> {
        let discoveries = self.configs.iter().flat_map(|job| &job.config.file_discovery);
        let shortest = discoveries.map(|discovery| discovery.refresh_interval).min()?;
        Some(shortest.clamp(FILES_POLL_INTERVAL_MIN, FILES_POLL_INTERVAL))
    }

    /// Reads the files of targets, starts what is new and stops what is gone.
    async fn synchronize(&mut self, services: &Services) {
        let mut wanted: HashMap<TargetKey, (Arc<ScrapeConfig>, Target)> = HashMap::new();
        let mut problems = self.refresh_files().await;
        for job in &self.configs {
            let groups = job.config.static_targets.iter().chain(job.files.groups());
            targets_of(&job.config, groups, &mut wanted, &mut problems);
        }
        for problem in &problems {
            if !self.told.contains(problem) {
                warn!(problem, "scrape target left out");
            }
        }
        self.told = problems.into_iter().collect();
        let mut succeeded = self.take_gone(&wanted);
        for (key, (config, target)) in wanted {
            let before = match self.running.remove(&key) {
                Some(running) if running.is_same(&config, &target) => {
                    self.running.insert(key, running);
                    continue;
                }
                Some(running) => Some(running),
                None => succeeded.remove(&key),
            };
            let state = match before {
                Some(running) => running.stop(Stop::HandOver).await,
                None => None,
            };
            let settings = SampleSettings::of(&config);
            let state = match state {
                Some(state) => state.with_settings(settings),
                None => TargetState::new(target.labels.clone(), settings),
            };
            self.running.insert(key, Running::start(services.clone(), config, target, state));
        }
        services.metrics.set_scrape_targets(self.running.len());
    }

    /// Takes the targets that are not wanted any more out of those that run. One whose job and labels a new target has, so
    /// that only its address, path or parameters changed, is returned with that target's key, for its series go on; the
    /// others are removed.
    fn take_gone(&mut self, wanted: &HashMap<TargetKey, (Arc<ScrapeConfig>, Target)>) -> HashMap<TargetKey, Running> {
        let gone: Vec<TargetKey> = self.running.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        let mut heirs: HashMap<(&str, &Labels), Vec<&TargetKey>> = HashMap::new();
        for key in wanted.keys().filter(|key| !self.running.contains_key(*key)) {
            heirs.entry((&key.job, &key.labels)).or_default().push(key);
        }
        let mut succeeded = HashMap::new();
        for key in &gone {
            let Some(running) = self.running.remove(key) else { continue };
            match heirs.get_mut(&(key.job.as_str(), &key.labels)).and_then(Vec::pop) {
                Some(heir) => {
                    info!(job = running.job(), from = running.url(), to = heir.url, "scrape target moved");
                    succeeded.insert(heir.clone(), running);
                }
                None => {
                    info!(job = running.job(), url = running.url(), "scrape target removed");
                    running.remove();
                }
            }
        }
        succeeded
    }

    /// Reads all files of targets; returns the problems.
    async fn refresh_files(&mut self) -> Vec<String> {
        let mut problems = Vec::new();
        for job in self.configs.iter_mut().filter(|job| !job.config.file_discovery.is_empty()) {
            let (mut files, config) = (std::mem::take(&mut job.files), Arc::clone(&job.config));
            let read = tokio::task::spawn_blocking(move || {
                let problems = files.refresh(&config.file_discovery);
                (files, problems)
            });
            // A blocking task ends without a result only when the runtime stops.
            let Ok((files, found)) = read.await else { return problems };
            job.files = files;
            let name = &job.config.job_name;
            problems.extend(found.into_iter().map(|(path, error)| format!("job {name}, targets file {path}: {error}")));
        }
        problems
    }
}

/// Adds the targets of one job to `wanted`, and what stands in their way to `problems`.
fn targets_of<'a>(
    config: &Arc<ScrapeConfig>,
    groups: impl Iterator<Item = &'a TargetGroup>,
    wanted: &mut HashMap<TargetKey, (Arc<ScrapeConfig>, Target)>,
    problems: &mut Vec<String>,
) {
    let job = &config.job_name;
    let addresses = groups.flat_map(|group| group.targets.iter().map(move |address| (address, &group.labels)));
    let mut count = 0;
    for (address, labels) in addresses {
        match Target::new(config, address, labels) {
            Ok(Some(_)) if count >= TARGETS_PER_JOB_MAX => {
                problems.push(format!("job {job}: more than {TARGETS_PER_JOB_MAX} targets; the rest is left out"));
                return;
            }
            Ok(Some(target)) => {
                count += 1;
                let key =
                    TargetKey { job: job.clone(), labels: target.labels.clone(), url: target.url.as_str().to_owned() };
                wanted.entry(key).or_insert_with(|| (Arc::clone(config), target));
            }
            Ok(None) => {}
            Err(error) => problems.push(format!("job {job}, target {address}: {error}")),
        }
    }
}

#[cfg(test)]
mod tests;
