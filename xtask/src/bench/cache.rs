//! What cached calls cost, and what it costs to look after their results.

mod calls;
mod crowd;
mod hashes;

use super::scenario::{Area, Scenario, Side, Unit};

pub(super) const AREA: Area = Area {
    name: "cache",
    scenarios,
    measure: calls::measure,
    requirements: "requirements-cache",
    script: "bench_cache.py",
};

/// What the names of the scenarios in the figure begin with; the bytes of a result follow.
pub(super) const HIT_COST: &str = "hit, result of ";

fn scenarios(quick: bool) -> Vec<Scenario> {
    let scenario = |name: &str, size: u64, sides: &[Side]| Scenario {
        name: name.to_owned(),
        size,
        unit: Unit::NanosecondsPerTask,
        rounds: if quick { 3 } else { 5 },
        sides: sides.to_vec(),
    };
    let part = if quick { 10 } else { 1 };
    let mut rows = vec![
        scenario("digest of three small arguments", 100_000 / part, HASH_SMALL),
        Scenario {
            unit: Unit::Milliseconds,
            ..scenario("digest of an array", 400_000_000 / part, HASH_ARRAY)
        },
        scenario("miss, a number", 1000 / part, MISS),
        scenario("hit, a number", 1000 / part, HIT),
    ];
    for &(bytes, miss, hit) in sizes(quick) {
        // So many that the largest are three.
        let count = (300_000_000 / part / bytes).clamp(3, 1000 / part);
        rows.push(scenario(&format!("miss, result of {bytes} bytes"), count, miss));
        rows.push(scenario(&format!("{HIT_COST}{bytes} bytes"), count, hit));
    }
    let many = 100_000 / part;
    rows.extend([
        scenario("hit, 100 MB in, 100 MB out, mapped", 1, HIT_OF_LARGE),
        scenario("list of all results", many, LIST),
        scenario("one result in a hundred evicted", many, REDUCE),
        scenario("miss, with limits on the store", 5000 / part, MISS_LIMITED),
        scenario("hit, a number, 8 threads at once", 16_000 / part, HIT_THREADS),
        scenario("hit, a number, 8 processes at once", 16_000 / part, HIT_PROCESSES),
    ]);
    rows
}

/// The sizes of results, and the sides of a miss and of a hit of them.
type Size = (u64, &'static [Side], &'static [Side]);

fn sizes(quick: bool) -> &'static [Size] {
    if quick { &SIZES[..SIZES.len() - 1] } else { SIZES }
}

macro_rules! sizes {
    ($($bytes:literal)*) => {
        &[$((
            $bytes,
            &[
                Side::ours("ours", concat!("miss:", $bytes)),
                Side::ours("ours, mapped", concat!("miss:", $bytes, ":mapped")),
                Side::python("joblib", concat!("miss:", $bytes, ":joblib")),
                Side::python("joblib, mapped", concat!("miss:", $bytes, ":joblib-mapped")),
                Side::python("diskcache", concat!("miss:", $bytes, ":diskcache")),
                Side::python("cachier", concat!("miss:", $bytes, ":cachier")),
                Side::peer("cached (Rust)", concat!("miss:", $bytes, ":cached")),
            ],
            &[
                Side::ours("ours", concat!("hit:", $bytes)).after(concat!("miss:", $bytes)),
                Side::ours("ours, mapped", concat!("hit:", $bytes, ":mapped"))
                    .after(concat!("miss:", $bytes)),
                Side::python("joblib", concat!("hit:", $bytes, ":joblib"))
                    .after(concat!("miss:", $bytes, ":joblib")),
                Side::python("joblib, mapped", concat!("hit:", $bytes, ":joblib-mapped"))
                    .after(concat!("miss:", $bytes, ":joblib")),
                Side::python("diskcache", concat!("hit:", $bytes, ":diskcache"))
                    .after(concat!("miss:", $bytes, ":diskcache")),
                Side::python("cachier", concat!("hit:", $bytes, ":cachier"))
                    .after(concat!("miss:", $bytes, ":cachier")),
                Side::peer("cached (Rust)", concat!("hit:", $bytes, ":cached"))
                    .after(concat!("miss:", $bytes, ":cached")),
            ],
        )),*]
    };
}

const SIZES: &[Size] = sizes!(8 1_000 10_000 100_000 1_000_000 10_000_000 100_000_000);

const MISS: &[Side] = &[
    Side::ours("ours", "miss:number"),
    Side::python("joblib", "miss:number:joblib"),
    Side::python("diskcache", "miss:number:diskcache"),
    Side::python("cachier", "miss:number:cachier"),
    Side::peer("cached (Rust)", "miss:number:cached"),
];

const HIT: &[Side] = &[
    Side::ours("ours", "hit:number").after("miss:number"),
    Side::python("joblib", "hit:number:joblib").after("miss:number:joblib"),
    Side::python("diskcache", "hit:number:diskcache").after("miss:number:diskcache"),
    Side::python("cachier", "hit:number:cachier").after("miss:number:cachier"),
    Side::peer("cached (Rust)", "hit:number:cached").after("miss:number:cached"),
];

const HIT_OF_LARGE: &[Side] = &[
    Side::ours("ours", "hit:of-large").after("miss:of-large"),
    Side::python("joblib", "hit:of-large:joblib").after("miss:of-large:joblib"),
];

const HASH_SMALL: &[Side] =
    &[Side::ours("ours", "hash:small"), Side::python("joblib", "hash:small:joblib")];

const HASH_ARRAY: &[Side] = &[
    Side::ours("ours", "hash:array"),
    Side::rust("xxh3-128 alone", "hash:array:raw"),
    Side::python("joblib", "hash:array:joblib"),
];

const LIST: &[Side] = &[
    Side::ours("ours", "list").after("miss:number"),
    Side::python("joblib", "list:joblib").after("miss:number:joblib"),
    Side::python("diskcache", "list:diskcache").after("miss:number:diskcache"),
];

/// Each round deletes a hundredth of what the one before left.
const REDUCE: &[Side] = &[
    Side::ours("ours", "reduce").after("miss:number"),
    Side::python("joblib", "reduce:joblib").after("miss:number:joblib"),
];

const MISS_LIMITED: &[Side] = &[
    Side::ours("ours, without limits", "miss:number"),
    Side::ours("ours, limits far away", "miss:number:limited"),
    Side::ours("ours, four results in five evicted", "miss:number:evicting"),
    Side::python("diskcache", "miss:number:diskcache"),
];

const HIT_THREADS: &[Side] = &[
    Side::ours("ours", "hit:threads").after("miss:number"),
    Side::ours("ours, one thread", "hit:number").after("miss:number"),
    Side::rust("the files alone", "read:threads").after("miss:number"),
    Side::rust("the files alone, one thread", "read:number").after("miss:number"),
    Side::python("joblib", "hit:threads:joblib").after("miss:number:joblib"),
];

const HIT_PROCESSES: &[Side] = &[
    Side::ours("ours", "hit:processes").after("miss:number"),
    Side::ours("ours, one process", "hit:number").after("miss:number"),
    Side::python("joblib", "hit:processes:joblib").after("miss:number:joblib"),
];
