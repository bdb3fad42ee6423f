//! HAProxy, before gateways of every kind.

crate::balancer_alone_stories::alone!(Haproxy);
