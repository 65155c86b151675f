//! Infrastructure providers: kinds of infrastructure and the controllers that make it, in the same shape as all others
//! (observe, decide, act), but with actions of their own.
//!
//! Deliberately absent: nobody in the core names a provider; providers are reached through contract paths. The Docker
//! backend of the development kinds is not there yet: objects that ask for it are told so.

pub mod dev;
