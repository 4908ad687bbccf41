//! Prisma's schema language of entities.

pub mod export;
