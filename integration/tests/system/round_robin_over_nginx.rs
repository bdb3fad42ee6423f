//! Shares of gateways behind nginx.

crate::round_robin_stories::round_robin_over!(Nginx);
