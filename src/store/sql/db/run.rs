//! Runs statements on a connection of a pool.

/// Runs statements on an acquired connection: `on!(connection, |c| query.fetch_all(c).await?)`.
macro_rules! on {
    ($pooled:expr, |$c:ident| $run:expr) => {{
        let pooled = &mut $pooled;
        let (connection, usage) = pooled.parts()?;
        let statements = async {
            let $c = connection;
            let done = $run;
            Ok::<_, $crate::error::Error>(done)
        };
        usage.over(statements).await?
    }};
}

pub(in crate::store) use on;
