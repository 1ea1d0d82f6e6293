//! Files that become entries.
