//! SMS by Twilio.

use std::time::Duration;

use crate::deliver::HttpConfig;

/// A text message to one telephone. Every text but the address is a template. The credentials are the basic
/// authentication of `http`.
#[derive(Clone, Debug, PartialEq)]
pub struct TwilioConfig {
    /// Where the API is, without the path.
    pub api_url: String,
    /// The account that pays.
    pub account_sid: String,
    /// Who sends.
    pub sender: TwilioSender,
    /// The telephone that gets it.
    pub to: String,
    /// The message.
    pub body: String,
    /// Where Twilio tells what becomes of the message; empty for nowhere.
    pub status_callback: String,
    /// The time that an attempt may take.
    pub timeout: Duration,
    /// The connection.
    pub http: HttpConfig,
}

/// Who a text message comes from. Every text is a template.
#[derive(Clone, Debug, PartialEq)]
pub enum TwilioSender {
    /// A number or a name.
    From(String),
    /// A messaging service, which chooses the number.
    Service(String),
}
