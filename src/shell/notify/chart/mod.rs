//! The chart of a notification: what the expression of one of its alerts yielded around the alert's start, as an image.

mod drawing;
mod font;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tracing::warn;

use super::text::cut;
use crate::deliver::Notification;
use crate::model::{Alert, AlertStatus, Timestamp};

/// How many lines a chart has at most.
pub const LINES_MAX: usize = 5;

/// How many alerts of a notification are looked at until one has data.
const ALERTS_TRIED_MAX: usize = 5;
/// How long a chart may take, waiting for others included; less than an attempt may take beyond its time-out.
const CHART_TIMEOUT: Duration = Duration::from_secs(3);
/// How many charts are made at the same time.
const CHARTS_AT_ONCE: usize = 2;
/// The greatest length of what is written under a chart, in characters.
const CAPTION_LENGTH_MAX: usize = 300;

/// What a chart shows.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartData {
    /// The time of its left edge.
    pub start: Timestamp,
    /// The time of its right edge.
    pub end: Timestamp,
    /// The distance of points, in milliseconds.
    pub step_ms: i64,
    /// Its lines, each oldest point first; those beyond [`LINES_MAX`] are not drawn.
    pub lines: Vec<Vec<(Timestamp, f64)>>,
    /// What the expression compares the lines with.
    pub threshold: Option<f64>,
    /// When the alert began.
    pub began: Timestamp,
    /// The expression that the lines show.
    pub expression: String,
}

/// Knows what alerts were raised by.
pub trait ChartSource: Send + Sync {
    /// What the expression behind `alert` yielded around its start and until `until`; `None` for an alert that no rule of ours raises, and
    /// where there are no data. Gives up once `canceled` is set. Blocks while it reads and computes.
    fn chart(&self, alert: &Alert, until: Timestamp, canceled: &Arc<AtomicBool>) -> Option<ChartData>;
}

/// An image to be shown in a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Image {
    /// The image as a PNG file.
    pub(super) png: Vec<u8>,
    /// How many dots it is wide and high.
    pub(super) size: (u16, u16),
    /// What is written under it.
    pub(super) caption: String,
}

/// Makes charts, a few at a time.
pub(super) struct Charts {
    source: Arc<dyn ChartSource>,
    permits: Arc<Semaphore>,
}

impl Charts {
    /// Charts of what `source` knows.
    pub(super) fn new(source: Arc<dyn ChartSource>) -> Self {
        Charts { source, permits: Arc::new(Semaphore::new(CHARTS_AT_ONCE)) }
    }

    /// The chart of the first alert that has one; those that fire come first. `None` if there is none, or not in time.
    ///
    /// It ends when the notification was decided, so that every attempt at the notification shows the same.
    pub(super) async fn image(&self, notification: &Notification) -> Option<Image> {
        let until = notification.decided_at;
        let is_firing = |alert: &&Alert| alert.status(until) == AlertStatus::Firing;
        let (firing, resolved): (Vec<&Alert>, Vec<&Alert>) = notification.alerts.iter().partition(is_firing);
        let alerts: Vec<Alert> = firing.into_iter().chain(resolved).take(ALERTS_TRIED_MAX).cloned().collect();
        let (source, permits) = (Arc::clone(&self.source), Arc::clone(&self.permits));
        let canceled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&canceled);
        let making = async move {
            let permit = permits.acquire_owned().await.ok()?;
            let work = move || {
                let image = alerts.iter().find_map(|alert| image_of(alert, &source.chart(alert, until, &flag)?));
                drop(permit);
                image
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(image) => image,
                Err(error) => {
                    warn!(%error, "a chart fails; the notification goes out without it");
                    None
                }
            }
        };
        let made = tokio::time::timeout(CHART_TIMEOUT, making).await;
        if made.is_err() {
            canceled.store(true, Ordering::Relaxed);
            warn!(receiver = notification.receiver, "a chart takes too long; the notification goes out without it");
        }
        made.ok().flatten()
    }
}

fn image_of(alert: &Alert, data: &ChartData) -> Option<Image> {
    let png = drawing::draw(data)?.png().inspect_err(|error| warn!(%error, "a chart cannot be written")).ok()?;
    let caption = cut(&format!("{}: {}", alert.name(), data.expression), CAPTION_LENGTH_MAX);
    Some(Image { png, size: (drawing::WIDTH, drawing::HEIGHT), caption })
}
