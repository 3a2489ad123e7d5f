//! A process that dies between two of its requests, at each place in turn: what it leaves must hold together.
//!
//! What is to hold is what lib.rs argues: an entry in another slot may lead to nothing, but whatever needs one has it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use redis::TypedCommands as _;
use throughline::model::{
    Act, Author, Authority, ChainHash, Claim, Content, Evidence, MemoryId, MemoryKind, Polarity, Profile,
    Scope, Timestamp,
};
use throughline::ports::{
    Append, EntryDraft, Forget, JobClaim, JobDone, LedgerAppend, PassageDraft, RedactedTurn, Store,
    StoreError,
};
use throughline_redis::{RedisOptions, RedisStore};

use crate::proxy::Proxy;
use crate::servers::Servers;
use crate::support::{options, said, scope};

/// More than the story takes.
const REQUESTS_MAX: u32 = 200;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn learned(number: u128) -> EntryDraft {
    let claim = Claim {
        id: MemoryId(uuid::Uuid::from_u128(number)),
        kind: MemoryKind::Fact,
        slot: None,
        value: "v".into(),
        text: "t".into(),
        polarity: Polarity::Affirms,
        explicit: true,
        authority: Authority::User,
        quarantined: false,
        importance: 0.5,
        said: at(0),
        valid_from: at(0),
        valid_to: None,
        evidence: Some(Evidence { turn: 1, quote: "q".into() }),
        same_as: Vec::new(),
        terms: None,
        replaces: None,
    };
    EntryDraft { recorded: at(0), by: Author::Learning, act: Act::Claimed(Box::new(claim)) }
}

/// A turn with a row that waits for its vector.
fn unread(text: &str, after: ChainHash) -> Append {
    let mut append = said(text, after);
    append.turns[0].passages = vec![PassageDraft { body: text.into(), read_by: vec![] }];
    append
}

/// Every kind of write, as one process makes them.
fn story(store: &dyn Store, ann: &Scope) -> Result<(), StoreError> {
    store.append(ann, unread("one", ChainHash::ROOT))?;
    let claim = |second| JobClaim {
        now: at(second),
        lease_until: at(second + 10),
        quiet_since: at(second),
        turns_max: 1,
        only: None,
    };
    let Some(first) = store.claim_job(&claim(5))? else { return Ok(()) };
    store.append(ann, Append { now: at(6), ..unread("other", ChainHash::ROOT) })?;
    let done = JobDone { number: first.job.number, token: first.token, through: 1, dead: Some("why".into()) };
    let profile = Some(Profile { goals: vec!["sail".into()], ..Profile::default() });
    let entries = vec![learned(1), learned(2)];
    store.append_ledger(ann, LedgerAppend { after: 0, entries, profile, job: Some(done), now: at(7) })?;
    store.replay_job(ann.tenant(), first.job.number, at(8))?;
    let waiting = store.unembedded(1, 10)?;
    let read = waiting.into_iter().map(|waiting| throughline::ports::EmbeddedRow {
        scope: waiting.scope,
        number: waiting.row.number,
        body: b"vector".to_vec(),
        read_by: vec![1],
    });
    store.put_embedded(read.collect())?;
    // The scope's rows wait for nothing now: it is taken off the list.
    store.unembedded(1, 10)?;
    store.begin_switch(&throughline::ports::EmbeddingModel { name: "m".into(), dimensions: 3 })?;
    store.begin_switch(&throughline::ports::EmbeddingModel { name: "n".into(), dimensions: 3 })?;
    store.unembedded(2, 10)?;
    let left = RedactedTurn {
        seq: 1,
        name: None,
        content: Content::text(""),
        metadata: None,
        passages: vec![PassageDraft { body: b"left".to_vec(), read_by: vec![] }],
    };
    let forget = Forget {
        after: 2,
        tombstones: vec![],
        entries: vec![1],
        turns: vec![left],
        receipts: vec![],
        profile: None,
        now: at(9),
    };
    store.forget(ann, forget)?;
    store.erase_user(&ann.user)?;
    store.append(ann, unread("again", ChainHash::ROOT)).map(|_| ())
}

/// All hashes and sorted sets of the store, by name without its prefix.
struct Everything {
    hashes: BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>,
    sets: BTreeMap<String, BTreeSet<String>>,
}

impl Everything {
    fn read(server: &mut redis::Connection, prefix: &str) -> Self {
        let (mut hashes, mut sets) = (BTreeMap::new(), BTreeMap::new());
        for key in server.keys(format!("{prefix}*")).unwrap() {
            let name = key[prefix.len()..].to_owned();
            match redis::cmd("TYPE").arg(&key).query::<String>(server).unwrap().as_str() {
                "hash" => {
                    hashes.insert(name, redis::cmd("HGETALL").arg(&key).query(server).unwrap());
                }
                "zset" => {
                    let members = server.zrange(&key, 0, -1).unwrap();
                    sets.insert(name, members.into_iter().collect());
                }
                _ => {}
            }
        }
        Self { hashes, sets }
    }

    /// All members of the sets with this ending.
    fn listed(&self, ending: &str) -> BTreeSet<&str> {
        let sets = self.sets.iter().filter(|(name, _)| name.starts_with("{=") && name.ends_with(ending));
        sets.flat_map(|(_, members)| members.iter().map(String::as_str)).collect()
    }

    /// Whether a place of what has this id leads to the scope.
    fn leads(&self, kind: &str, id: &[u8], place: &str) -> bool {
        let places = self.hashes.iter().filter(|(name, _)| name.starts_with("{=") && name.ends_with(kind));
        places.flat_map(|(_, fields)| fields).any(|(field, lines)| {
            field.starts_with(id)
                && String::from_utf8_lossy(lines).lines().any(|line| line.starts_with(place))
        })
    }

    /// Whatever needs an entry has it.
    fn holds_together(&self) {
        let scopes =
            self.hashes.iter().filter_map(|(name, fields)| Some((name.strip_suffix(":meta")?, fields)));
        let text = |fields: &BTreeMap<Vec<u8>, Vec<u8>>, name: &str| {
            fields.get(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned())
        };
        for (place, meta) in scopes {
            assert!(self.listed(":all").contains(place), "{place} is on no list of scopes");
            let models = self.hashes.get("{=models}:models");
            let waits = |model: &str| text(meta, "rn") != text(meta, &format!("rd{model}"));
            // A switch that has not listed every scope yet says so.
            let kept = if models.is_some() { vec!["1", "2"] } else { vec!["1"] };
            let is_switched = models.is_some_and(|models| models.contains_key(&b"coming"[..]));
            let relists = models.is_some_and(|models| models.contains_key(&b"relist"[..]));
            let needs = kept.iter().any(|model| (*model == "1" || is_switched) && waits(model));
            if needs && !relists {
                assert!(
                    self.listed(":rows").contains(place),
                    "{place} has rows that wait and is not listed: {meta:?}"
                );
            }
            let empty = BTreeMap::new();
            let part = |name: &str| self.hashes.get(&format!("{place}:{name}")).unwrap_or(&empty);
            for (number, job) in part("jobs") {
                let number = String::from_utf8_lossy(number).into_owned();
                assert!(
                    self.hashes["{=jobs}:places"].contains_key(number.as_bytes()),
                    "job {number} has no place"
                );
                assert!(self.listed(":of:default").contains(&*number), "job {number} is not its tenant's");
                // Its state stands after three numbers and two times; 3 is dead.
                assert!(
                    job[28] == 3 || self.listed("}:live").contains(&*number),
                    "job {number} is not listed"
                );
            }
            for id in part("claims").keys() {
                assert!(self.leads(":memories", id, place), "nothing leads to a claim of {place}");
            }
        }
    }
}

#[test]
fn real_a_process_that_dies_between_two_requests_leaves_what_holds_together() {
    let servers = Servers::start("single", "redis-7", &["appendfsync=no"]);
    let direct = format!("redis://127.0.0.1:{}", servers.nodes[0].port);
    let mut server = redis::Client::open(&*direct).unwrap().get_connection().unwrap();
    let mut ended = false;
    for requests in 0..REQUESTS_MAX {
        let options = RedisOptions { call_wait_max: Duration::from_millis(20), ..options() };
        let proxy = Proxy::before(servers.nodes[0].port);
        let store = RedisStore::open(&proxy.url(), None, &options).unwrap();
        proxy.stop_after(requests);
        ended = story(&store, &scope("ann")).is_ok();
        Everything::read(&mut server, &options.key_prefix).holds_together();
        // Whoever comes after can go on: a turn is written, learned from, and all is well again.
        let options = RedisOptions { call_wait_max: Duration::from_secs(5), ..options };
        let next = RedisStore::open(&direct, None, &options).unwrap();
        goes_on(&next, &scope("ann"));
        if ended {
            println!("the story takes {requests} requests");
            break;
        }
    }
    assert!(ended, "the story takes more than {REQUESTS_MAX} requests");
}

/// Another process learns what waits, embeds what waits and erases the user.
fn goes_on(store: &dyn Store, ann: &Scope) {
    store.append(ann, Append { now: at(100), ..unread("next", ChainHash::ROOT) }).unwrap();
    while let Some(claimed) = store
        .claim_job(&JobClaim {
            now: at(1000),
            lease_until: at(2000),
            quiet_since: at(1000),
            turns_max: 1,
            only: None,
        })
        .unwrap()
    {
        let through = claimed.job.turns.1;
        let done = JobDone { number: claimed.job.number, token: claimed.token, through, dead: None };
        let after = store.ledger_end(ann).unwrap();
        let append = LedgerAppend { after, entries: vec![], profile: None, job: Some(done), now: at(1000) };
        store.append_ledger(ann, append).unwrap();
    }
    assert_eq!(store.outbox_count(), Ok(0));
    for model in [1, 2] {
        let waiting = store.unembedded(model, 100).unwrap();
        let read = waiting.into_iter().map(|waiting| throughline::ports::EmbeddedRow {
            scope: waiting.scope,
            number: waiting.row.number,
            body: waiting.row.body,
            read_by: vec![model],
        });
        store.put_embedded(read.collect()).unwrap();
        assert_eq!(store.unembedded(model, 100), Ok(vec![]));
    }
    store.erase_user(&ann.user).unwrap();
    assert_eq!(store.revision(ann), Ok(None));
    assert_eq!(store.jobs(ann.tenant(), 0, 10), Ok(vec![]));
}
