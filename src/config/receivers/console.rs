//! `console_configs`.

use crate::deliver::{Channel, ConsoleConfig};

use super::{ChannelDefaults, Fields};

#[allow(clippy::unnecessary_wraps, reason = "all channels are read alike")]
pub(super) fn read(_: &mut Fields<'_>, _: &ChannelDefaults) -> Option<Channel> {
    Some(Channel::Console(ConsoleConfig {}))
}
