/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model of the lease protocol for spin(1): the behaviour of daemon/lease/lease_client.c,
 * lease_choose.c and store_etcd_claim.c, with etcd and faults. README.md describes what the model
 * represents and omits. Settings, as -D of spin:
 *
 *   NODES SUBNETS FAULTS   their numbers
 *   SAME_SEED              all nodes try the same subnet first
 *   DUAL                   a key has an IPv4 and an IPv6 subnet, any pair of them
 *   MUTANT_x               the protocol with an error
 */
#ifndef NODES
#define NODES 3
#endif
#ifndef SUBNETS
#define SUBNETS 2
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef TRIES
#define TRIES 9 /* maximum for a node after the last fault */
#endif
#ifdef SAME_SEED
#define SEED(n) 0
#else
#define SEED(n) (n)
#endif

#ifdef DUAL
#define KEYS (SUBNETS * SUBNETS)
#define CLASH(k, l) ((k) / SUBNETS == (l) / SUBNETS || (k) % SUBNETS == (l) % SUBNETS)
#else
#define KEYS SUBNETS
#define CLASH(k, l) ((k) == (l))
#endif
#define NO_KEY KEYS
#define NO_NODE NODES

/* ---- The store ------------------------------------------------------------------------------ */

/* A key's owner, and the etcd lease of its owner to which the key is attached. */
byte owner[KEYS];
byte attached_to[KEYS];
/* Two etcd leases of each node, 1 and 2: an abandoned lease exists beside its successor. */
#define LEASE(n, i) ((n) * 2 + (i) - 1)
bool alive[NODES * 2];

/* ---- The nodes ------------------------------------------------------------------------------ */

mtype = { none, putting, held };

/* Condition of a put. */
#define IF_ABSENT 0
#define IF_SAME 1 /* if the key has the revision that was read; it still has */
#define IF_PAST 2 /* if the key has the revision that was read; it no longer has */

/* The content of a list or event about the key that is put or held. */
#define NOTHING 0 /* no list or event is in flight */
#define ABSENT 1
#define OTHER_NODE 2
#define OWN(i) (2 + (i)) /* attached to that etcd lease */
#define OWN_ON_PAST 5

typedef Node {
	mtype state;
	byte kept;        /* the last held key: node.json */
	bool has_held;    /* this run of weftd has held it */
	bool lost;        /* and lost it to another node */
	bool unconfirmed; /* a second list decides */
	byte id;          /* the etcd lease that is kept alive; 0: none */
	byte claim;       /* the key that is put */
	byte how;         /* the condition of the put */
	/* A list or event that the store has sent and the node has not received. */
	byte notice;
	bool same; /* the key still has the revision in it */
	bool old;  /* the node's put was executed after it was sent */
}
Node node[NODES];

/* A put that timed out at its node, and that etcd may still execute. */
byte late_by, late_key, late_on, late_how;

byte faults = FAULTS;
byte tries[NODES];
#define CALM (faults == 0)

/* Not part of the state: counters, and results of inlines. */
hidden byte i, j, k, l, chosen, mine, yes, key, outcome;

/* ---- Invariants ----------------------------------------------------------------------------- */

/* A live owner: the node's state is held, and its etcd lease has not expired. */
#define IS_LIVE(n) (node[n].state == held && node[n].id && alive[LEASE(n, node[n].id)])
/* Allocates addresses of the subnet to new containers. */
#define ACTS(n) (node[n].has_held && !node[n].lost)
/* The node is a live owner, and the store has its key with its etcd lease. */
#define OWNS(n) (IS_LIVE(n) && owner[node[n].kept] == (n) && attached_to[node[n].kept] == node[n].id)

#define IS_SURPLUS(n, k) (owner[k] == (n) && attached_to[k] == node[n].id && (k) != node[n].kept)
#if KEYS == 2
#define HAS_SURPLUS(n) (IS_SURPLUS(n, 0) || IS_SURPLUS(n, 1))
#elif KEYS == 3
#define HAS_SURPLUS(n) (IS_SURPLUS(n, 0) || IS_SURPLUS(n, 1) || IS_SURPLUS(n, 2))
#else
#define HAS_SURPLUS(n) (IS_SURPLUS(n, 0) || IS_SURPLUS(n, 1) || IS_SURPLUS(n, 2) || IS_SURPLUS(n, 3))
#endif

inline check()
{
	/* The store has each live owner's key, so no subnet has two live owners. */
	for (i : 0 .. NODES - 1) {
		assert(!IS_LIVE(i) || owner[node[i].kept] == i)
	}
	/* Each subnet is in one key of the store, and so has one owner. */
	for (k : 0 .. KEYS - 1) {
		for (l : 0 .. KEYS - 1) {
			assert(k == l || owner[k] == NO_NODE || owner[l] == NO_NODE || !CLASH(k, l))
		}
	}
	skip /* a d_step must not end with a loop */
}

/* ---- Operations of the store ---------------------------------------------------------------- */

/* The key has a new revision: puts that require the previous one fail. */
inline written(a_key)
{
	for (i : 0 .. NODES - 1) {
		node[i].same = node[i].same && !(node[i].kept == a_key && node[i].state == held);
		if
		:: node[i].claim == a_key && node[i].how == IF_SAME -> node[i].how = IF_PAST
		:: else
		fi
	}
	if
	:: late_key == a_key && late_how == IF_SAME -> late_how = IF_PAST
	:: else
	fi
}

#define REFUSED 0
#define SUCCEEDED 1
#define NO_LEASE 2

/* A transaction of store_etcd_claim.c. Sets outcome. */
inline execute(n, a_key, a_how, a_lease)
{
	yes = a_how == IF_SAME;
	if
	:: a_how == IF_ABSENT ->
		yes = true;
		for (k : 0 .. KEYS - 1) {
#ifdef MUTANT_OWN_KEY_ONLY
			yes = yes && !(k == a_key && owner[k] != NO_NODE)
#else
			yes = yes && !(CLASH(k, a_key) && owner[k] != NO_NODE)
#endif
		}
	:: else
	fi;
#ifdef MUTANT_UNCONDITIONAL
	yes = true;
#endif
#ifdef MUTANT_UNCONDITIONAL_AGAIN
	yes = yes || node[n].has_held && node[n].kept == a_key;
#endif
	if
	:: !alive[LEASE(n, a_lease)] -> outcome = NO_LEASE
	:: else ->
		if
		:: !yes -> outcome = REFUSED
		:: else ->
			written(a_key);
			owner[a_key] = n;
			attached_to[a_key] = a_lease;
			node[n].old = node[n].notice != NOTHING;
			node[n].same = false;
			outcome = SUCCEEDED
		fi
	fi
}

inline end_lease(n, a_lease)
{
	if
	:: node[n].id == a_lease -> faults--
	:: else
	fi;
	alive[LEASE(n, a_lease)] = false;
	for (k : 0 .. KEYS - 1) {
		if
		:: owner[k] == n && attached_to[k] == a_lease ->
			owner[k] = NO_NODE;
			attached_to[k] = 0;
			written(k)
		:: else
		fi
	}
}

/* ---- Operations of a node ------------------------------------------------------------------- */

inline clear_notice(n)
{
	node[n].notice = NOTHING;
	node[n].old = false;
	node[n].same = false
}

/* Sets yes if a subnet of the key belongs to another node. */
inline is_others(n, a_key)
{
	yes = false;
	for (k : 0 .. KEYS - 1) {
		yes = yes || (CLASH(k, a_key) && owner[k] != NO_NODE && owner[k] != n)
	}
}

inline send_notice(n, a_key)
{
	is_others(n, a_key);
	node[n].notice = (owner[a_key] == n -> OWN(attached_to[a_key]) : (yes -> OTHER_NODE : ABSENT));
	node[n].same = owner[a_key] == n
}

#define MAY_GRANT(n, i) (!alive[LEASE(n, i)] && !(late_by == (n) && late_on == (i)))

/*
 * Starts a put, and grants an etcd lease if the node has none. A number is granted again only if no
 * late put refers to it, since etcd never grants an id twice.
 */
inline claim_key(n, a_key, a_how)
{
	if
	:: !node[n].id && (MAY_GRANT(n, 1) || MAY_GRANT(n, 2)) ->
		node[n].id = (MAY_GRANT(n, 1) -> 1 : 2);
		alive[LEASE(n, node[n].id)] = true
	:: else
	fi;
	if
	:: node[n].id -> node[n].claim = a_key; node[n].how = a_how; node[n].state = putting
	:: else -> node[n].state = none
	fi
}

/*
 * lease_choose with the current content of the store: a key of the node, preferably the kept one;
 * otherwise the kept key, if it is free; otherwise a free key.
 */
inline choose(n)
{
	chosen = NO_KEY;
	mine = NO_KEY;
	for (l : 0 .. KEYS - 1) {
		if
		:: owner[l] == n && (mine == NO_KEY || l == node[n].kept) -> mine = l
		:: else
		fi
	}
	if
	:: mine == NO_KEY && node[n].kept != NO_KEY ->
		is_others(n, node[n].kept);
		chosen = (yes -> NO_KEY : node[n].kept)
	:: else
	fi;
	for (l : 0 .. KEYS - 1) {
		if
		:: mine == NO_KEY && chosen == NO_KEY ->
			is_others(n, (l + SEED(n)) % KEYS);
			chosen = (yes -> NO_KEY : (l + SEED(n)) % KEYS)
		:: else
		fi
	}
	if
	:: mine != NO_KEY -> claim_key(n, mine, IF_SAME)
	:: chosen != NO_KEY -> claim_key(n, chosen, IF_ABSENT)
	:: else -> node[n].state = none /* full */
	fi
}

/*
 * update_held with the received list or event. After a loss the node lists and claims another key;
 * weftd claims it without a list.
 */
inline update_held(n)
{
	key = node[n].kept;
	if
	/* A list that may be older than the node's put must be confirmed by a second one. */
	:: node[n].state == held && !node[n].unconfirmed &&
	   (node[n].old || node[n].notice == ABSENT) -> node[n].unconfirmed = true
	:: else ->
		node[n].unconfirmed = false;
		if
#ifndef MUTANT_NEVER_LOST
		:: node[n].notice == OTHER_NODE ->
			node[n].lost = true;
			node[n].id = 0;
			node[n].state = none
#endif
		:: node[n].state == held && node[n].id && node[n].notice == OWN(node[n].id)
		:: else ->
			if
			:: node[n].notice >= OWN(1) -> claim_key(n, key, (node[n].same -> IF_SAME : IF_PAST))
			:: else -> node[n].id = 0; claim_key(n, key, IF_ABSENT)
			fi
		fi
	fi
}

/* A node without a held key lists, and claims a key from the list at once. */
inline list(n)
{
	if
	:: ACTS(n) -> send_notice(n, node[n].kept); update_held(n)
	:: else ->
		if
		:: node[n].lost -> node[n].id = 0
		:: else
		fi;
		choose(n)
	fi;
	clear_notice(n)
}

inline on_response(n)
{
#ifdef MUTANT_REFUSED_IS_HELD
	outcome = (outcome == REFUSED -> SUCCEEDED : outcome);
#endif
	if
	:: outcome == SUCCEEDED ->
		node[n].state = held;
		node[n].kept = node[n].claim;
		node[n].has_held = true;
		node[n].lost = false;
		node[n].unconfirmed = false
	:: else ->
		node[n].state = none;
#ifndef MUTANT_KEEPS_DEAD_LEASE
		node[n].id = (outcome == NO_LEASE -> 0 : node[n].id);
#endif
		clear_notice(n)
	fi;
	node[n].claim = NO_KEY;
	node[n].how = IF_ABSENT
}

/* The put times out. */
inline give_up(n)
{
	clear_notice(n);
	node[n].state = none;
	node[n].claim = NO_KEY;
	node[n].how = IF_ABSENT
}

inline delay(n)
{
	late_by = n;
	late_key = node[n].claim;
	late_on = node[n].id;
	late_how = node[n].how
}

inline drop_late()
{
	late_by = NO_NODE;
	late_key = NO_KEY;
	late_on = 0;
	late_how = IF_ABSENT
}

/* The process ends; the next one has node.json only. */
inline crash(n)
{
	give_up(n);
	node[n].has_held = false;
	node[n].lost = false;
	node[n].unconfirmed = false;
	node[n].id = 0
}

/* ---- Processes ------------------------------------------------------------------------------ */

/* True if the store has a key for the node: its own, or a free one. */
#define MAY(n, k) (owner[k] == (n) || owner[k] == NO_NODE)
#ifdef DUAL
#define PAIR(n, a, b) (owner[a] == (n) || owner[b] == (n) || (owner[a] == NO_NODE && owner[b] == NO_NODE))
#define MAY_HAVE(n) (PAIR(n, 0, 3) && PAIR(n, 1, 2)) /* two subnets of each family */
#elif SUBNETS == 2
#define MAY_HAVE(n) (MAY(n, 0) || MAY(n, 1))
#else
#define MAY_HAVE(n) (MAY(n, 0) || MAY(n, 1) || MAY(n, 2))
#endif

/* The model has two etcd leases for each node; etcd has no such limit. */
#define CAN_CLAIM(n) (node[n].id || MAY_GRANT(n, 1) || MAY_GRANT(n, 2))

inline count_try(n)
{
	if
	:: CALM -> tries[n]++
	:: else
	fi;
	assert(tries[n] <= TRIES)
}

proctype weftd(byte n)
{
end:
	do
	/*
	 * The node lists and claims. Without a free key it lists again; after the last fault only while
	 * there is a key for it.
	 */
	:: d_step {
		node[n].state == none && CAN_CLAIM(n) && (!CALM || MAY_HAVE(n) || ACTS(n)) ->
		list(n);
		count_try(n);
		check()
	   }
	/* The store sends a list or event while a put is in flight, or when the held key is gone. */
	:: d_step {
		!node[n].notice && node[n].state == putting && !CALM ->
		send_notice(n, node[n].claim);
		skip
	   }
	:: d_step {
		!node[n].notice && node[n].state == held && !OWNS(n) ->
		send_notice(n, node[n].kept);
		skip
	   }
	/* The node receives it. */
	:: d_step {
		node[n].notice && node[n].state == held ->
		update_held(n);
		clear_notice(n);
		count_try(n);
		check()
	   }
	/* The node receives it, and another event with the same content follows. */
	:: d_step {
		node[n].notice && node[n].state == held && !node[n].unconfirmed && faults ->
		faults--;
		update_held(n);
		check()
	   }
	/* The node removes a second key of its etcd lease, on condition of its revision. */
#ifndef MUTANT_LEAVES_SURPLUS
	:: d_step {
		OWNS(n) && HAS_SURPLUS(n) ->
		for (k : 0 .. KEYS - 1) {
			if
			:: IS_SURPLUS(n, k) -> owner[k] = NO_NODE; attached_to[k] = 0; written(k)
			:: else
			fi
		}
		check()
	   }
#endif
	/* The put is executed, and the response received. */
	:: d_step {
		node[n].state == putting ->
		execute(n, node[n].claim, node[n].how, node[n].id);
		on_response(n);
		check()
	   }
	/* The put is executed, and the response is lost, without and with a crash of the process. */
	:: d_step {
		node[n].state == putting && faults ->
		faults--;
		execute(n, node[n].claim, node[n].how, node[n].id);
		give_up(n);
		check()
	   }
	:: d_step {
		node[n].state == putting && faults ->
		faults--;
		execute(n, node[n].claim, node[n].how, node[n].id);
		crash(n);
		check()
	   }
	/* The put times out, and may be executed later, without and with a crash. */
	:: d_step {
		node[n].state == putting && faults && late_by == NO_NODE ->
		faults--;
		delay(n);
		give_up(n);
		check()
	   }
	:: d_step {
		node[n].state == putting && faults && late_by == NO_NODE ->
		faults--;
		delay(n);
		crash(n);
		check()
	   }
	:: d_step { faults -> faults--; crash(n); check() }
	/* The keepalive reports that the etcd lease has expired. */
	:: d_step {
		node[n].state == held && node[n].id && !alive[LEASE(n, node[n].id)] ->
		node[n].id = 0;
		node[n].unconfirmed = true
	   }
	od
}

#define MAY_END(n, i) (alive[LEASE(n, i)] && (node[n].id != (i) || faults))

/*
 * etcd executes or drops a late put. A lease that is not kept alive expires. As a fault, a lease that
 * is kept alive expires: its node was suspended, a clock runs fast, or a keepalive was lost.
 */
proctype etcd()
{
	byte n;
end:
	do
	:: d_step {
		late_by != NO_NODE ->
		n = late_by;
		execute(n, late_key, late_how, late_on);
		drop_late();
		n = 0;
		check()
	   }
	:: d_step { late_by != NO_NODE -> drop_late() }
	:: d_step { MAY_END(0, 1) -> end_lease(0, 1); check() }
	:: d_step { MAY_END(0, 2) -> end_lease(0, 2); check() }
	:: d_step { MAY_END(1, 1) -> end_lease(1, 1); check() }
	:: d_step { MAY_END(1, 2) -> end_lease(1, 2); check() }
#if NODES > 2
	:: d_step { MAY_END(2, 1) -> end_lease(2, 1); check() }
	:: d_step { MAY_END(2, 2) -> end_lease(2, 2); check() }
#endif
	:: d_step { faults -> faults = 0 } /* no further fault */
	od
}

init {
	byte n;
	d_step {
		for (k : 0 .. KEYS - 1) {
			owner[k] = NO_NODE
		}
		for (n : 0 .. NODES - 1) {
			node[n].state = none;
			node[n].kept = NO_KEY;
			node[n].claim = NO_KEY
		}
		drop_late();
		n = 0
	}
	atomic {
		run weftd(0);
		run weftd(1);
#if NODES > 2
		run weftd(2);
#endif
		run etcd()
	}
	/* No process can continue: each node has a subnet, or there is none for it. */
	timeout ->
	d_step {
		for (n : 0 .. NODES - 1) {
			assert(OWNS(n) || (node[n].state == none && !MAY_HAVE(n)));
			assert(!ACTS(n) || OWNS(n));
			mine = 0;
			for (k : 0 .. KEYS - 1) {
				mine = mine + (owner[k] == n -> 1 : 0)
			}
			assert(mine <= 1)
		}
		skip
	}
}
