//! Scraping real HTTP servers on the loopback interface.
