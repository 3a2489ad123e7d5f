//! Throughline's embedded store: one SQLite file is the truth.
