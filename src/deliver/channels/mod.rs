//! The settings of each channel, one file per channel, as `<channel>_configs` gives them.

mod console;
mod discord;
mod email;
mod gotify;
mod jira;
mod mattermost;
mod msteams;
mod ntfy;
mod opsgenie;
mod pagerduty;
mod pushover;
mod rocketchat;
mod slack;
mod telegram;
mod victorops;
mod webex;
mod webhook;
mod wechat;

pub use console::*;
pub use discord::*;
pub use email::*;
pub use gotify::*;
pub use jira::*;
pub use mattermost::*;
pub use msteams::*;
pub use ntfy::*;
pub use opsgenie::*;
pub use pagerduty::*;
pub use pushover::*;
pub use rocketchat::*;
pub use slack::*;
pub use telegram::*;
pub use victorops::*;
pub use webex::*;
pub use webhook::*;
pub use wechat::*;
