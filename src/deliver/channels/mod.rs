//! The settings of each channel, one file per channel, as `<channel>_configs` gives them.

mod console;
mod discord;
mod email;
mod gotify;
mod mattermost;
mod msteams;
mod ntfy;
mod pagerduty;
mod rocketchat;
mod slack;
mod telegram;
mod webex;
mod webhook;
mod wechat;

pub use console::*;
pub use discord::*;
pub use email::*;
pub use gotify::*;
pub use mattermost::*;
pub use msteams::*;
pub use ntfy::*;
pub use pagerduty::*;
pub use rocketchat::*;
pub use slack::*;
pub use telegram::*;
pub use webex::*;
pub use webhook::*;
pub use wechat::*;
