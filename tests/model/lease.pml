/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lease protocol for spin(1): what daemon/lease.c, lease_choose.c and
 * store_etcd_claim.c do, with an etcd and faults around it. What stands for what, what
 * is left out and why that loses nothing is in README.md. Settings, as -D of spin:
 *
 *   NODES SUBNETS FAULTS   how many
 *   SAME_SEED              all nodes want the same subnet first
 *   DUAL                   a key has an IPv4 and an IPv6 subnet, any pair of them
 *   MUTANT_x               the protocol with a fault in it
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
#define TRIES 9 /* of one node after the last fault, at most */
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
#define NOBODY NODES

/* ---- The store ------------------------------------------------------------------------------ */

/* A key's owner, and which of its owner's etcd leases it hangs on. */
byte owner[KEYS];
byte hangs[KEYS];
/* Two etcd leases of each node, 1 and 2: one that was forgotten lives on beside the next. */
#define LEASE(n, i) ((n) * 2 + (i) - 1)
bool alive[NODES * 2];

/* ---- The nodes ------------------------------------------------------------------------------ */

mtype = { none, putting, held };

/* Condition of a put. */
#define IF_ABSENT 0
#define IF_SAME 1 /* if it has the revision that was read, which it has still */
#define IF_PAST 2 /* which it has no more */

/* What a list, or an event, says of the key that is put or held. */
#define NOTHING 0 /* none is under way */
#define ABSENT 1
#define OTHERS 2
#define OURS(i) (2 + (i)) /* on that etcd lease */
#define OURS_ON_PAST 5

typedef Node {
	mtype state;
	byte kept;    /* the last key that was held: node.json */
	bool knows;   /* this run of weftd has held it */
	bool lost;    /* and lost it to another */
	bool doubted;
	byte id;      /* the etcd lease that is kept alive; 0: none */
	byte claim;   /* what is put */
	byte how;
	/* A list, or an event, that has left the store and not arrived. */
	byte told;
	bool same; /* the key is still at the revision that is told of */
	bool old;  /* our put was carried out after it */
}
Node node[NODES];

/* A put that its node has given up, and that etcd may yet carry out. */
byte late_by, late_key, late_on, late_how;

byte faults = FAULTS;
byte tries[NODES];
#define CALM (faults == 0)

/* No part of a state: counters, and results of what is written as an inline. */
hidden byte i, j, k, l, chosen, mine, yes, key, outcome;

/* ---- What must hold ------------------------------------------------------------------------- */

/* Believes that it holds, and its etcd lease has not expired: a live owner. */
#define LIVES(n) (node[n].state == held && node[n].id && alive[LEASE(n, node[n].id)])
/* Gives addresses of it to new containers. */
#define ACTS(n) (node[n].knows && !node[n].lost)
/* Holds what the store says that it holds. */
#define OWNS(n) (LIVES(n) && owner[node[n].kept] == (n) && hangs[node[n].kept] == node[n].id)

#define IS_SURPLUS(n, k) (owner[k] == (n) && hangs[k] == node[n].id && (k) != node[n].kept)
#if KEYS == 2
#define HAS_SURPLUS(n) (IS_SURPLUS(n, 0) || IS_SURPLUS(n, 1))
#elif KEYS == 3
#define HAS_SURPLUS(n) (IS_SURPLUS(n, 0) || IS_SURPLUS(n, 1) || IS_SURPLUS(n, 2))
#else
#define HAS_SURPLUS(n) (IS_SURPLUS(n, 0) || IS_SURPLUS(n, 1) || IS_SURPLUS(n, 2) || IS_SURPLUS(n, 3))
#endif

inline check()
{
	/* A live owner is the store's, so no subnet has two. */
	for (i : 0 .. NODES - 1) {
		assert(!LIVES(i) || owner[node[i].kept] == i)
	}
	/* The store has every subnet in one key, and so for one node. */
	for (k : 0 .. KEYS - 1) {
		for (l : 0 .. KEYS - 1) {
			assert(k == l || owner[k] == NOBODY || owner[l] == NOBODY || !CLASH(k, l))
		}
	}
	skip /* a d_step does not end in a loop */
}

/* ---- The store's side ----------------------------------------------------------------------- */

/* The key has another revision: no put succeeds that needs the one before. */
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

/* A transaction, as store_etcd_claim.c writes it; outcome. */
inline carry_out(n, a_key, a_how, a_lease)
{
	yes = a_how == IF_SAME;
	if
	:: a_how == IF_ABSENT ->
		yes = true;
		for (k : 0 .. KEYS - 1) {
#ifdef MUTANT_OWN_KEY_ONLY
			yes = yes && !(k == a_key && owner[k] != NOBODY)
#else
			yes = yes && !(CLASH(k, a_key) && owner[k] != NOBODY)
#endif
		}
	:: else
	fi;
#ifdef MUTANT_UNCONDITIONAL
	yes = true;
#endif
#ifdef MUTANT_UNCONDITIONAL_AGAIN
	yes = yes || node[n].knows && node[n].kept == a_key;
#endif
	if
	:: !alive[LEASE(n, a_lease)] -> outcome = NO_LEASE
	:: else ->
		if
		:: !yes -> outcome = REFUSED
		:: else ->
			written(a_key);
			owner[a_key] = n;
			hangs[a_key] = a_lease;
			node[n].old = node[n].told != NOTHING;
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
		:: owner[k] == n && hangs[k] == a_lease ->
			owner[k] = NOBODY;
			hangs[k] = 0;
			written(k)
		:: else
		fi
	}
}

/* ---- The node's side ------------------------------------------------------------------------ */

inline forget_told(n)
{
	node[n].told = NOTHING;
	node[n].old = false;
	node[n].same = false
}

/* Whether a subnet of the key is another node's; yes. */
inline is_others(n, a_key)
{
	yes = false;
	for (k : 0 .. KEYS - 1) {
		yes = yes || (CLASH(k, a_key) && owner[k] != NOBODY && owner[k] != n)
	}
}

inline tell(n, a_key)
{
	is_others(n, a_key);
	node[n].told = (owner[a_key] == n -> OURS(hangs[a_key]) : (yes -> OTHERS : ABSENT));
	node[n].same = owner[a_key] == n
}

#define MAY_GRANT(n, i) (!alive[LEASE(n, i)] && !(late_by == (n) && late_on == (i)))

/*
 * claim, with the grant where there is no etcd lease. One is never granted twice: who
 * remembers its number here means another.
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

/* lease_choose, with what is in the store now: a key of ours, the last one first; else the last one, if it is free; else a free one. */
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
 * update_held, with what was told. What was lost is followed by another claim, for which it lists here,
 * which weftd need not.
 */
inline update_held(n)
{
	key = node[n].kept;
	if
	/* A list that may be older than our put is doubted once. */
	:: node[n].state == held && !node[n].doubted &&
	   (node[n].old || node[n].told == ABSENT) -> node[n].doubted = true
	:: else ->
		node[n].doubted = false;
		if
#ifndef MUTANT_NEVER_LOST
		:: node[n].told == OTHERS ->
			node[n].lost = true;
			node[n].id = 0;
			node[n].state = none
#endif
		:: node[n].state == held && node[n].id && node[n].told == OURS(node[n].id)
		:: else ->
			if
			:: node[n].told >= OURS(1) -> claim_key(n, key, (node[n].same -> IF_SAME : IF_PAST))
			:: else -> node[n].id = 0; claim_key(n, key, IF_ABSENT)
			fi
		fi
	fi
}

/* What is not held is listed, and claimed from the list at once. */
inline list(n)
{
	if
	:: ACTS(n) -> tell(n, node[n].kept); update_held(n)
	:: else ->
		if
		:: node[n].lost -> node[n].id = 0
		:: else
		fi;
		choose(n)
	fi;
	forget_told(n)
}

inline answered(n)
{
#ifdef MUTANT_REFUSED_IS_HELD
	outcome = (outcome == REFUSED -> SUCCEEDED : outcome);
#endif
	if
	:: outcome == SUCCEEDED ->
		node[n].state = held;
		node[n].kept = node[n].claim;
		node[n].knows = true;
		node[n].lost = false;
		node[n].doubted = false
	:: else ->
		node[n].state = none;
#ifndef MUTANT_KEEPS_DEAD_LEASE
		node[n].id = (outcome == NO_LEASE -> 0 : node[n].id);
#endif
		forget_told(n)
	fi;
	node[n].claim = NO_KEY;
	node[n].how = IF_ABSENT
}

/* No answer in time. */
inline give_up(n)
{
	forget_told(n);
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
	late_by = NOBODY;
	late_key = NO_KEY;
	late_on = 0;
	late_how = IF_ABSENT
}

/* The process ends, and the next one has node.json alone. */
inline crash(n)
{
	give_up(n);
	node[n].knows = false;
	node[n].lost = false;
	node[n].doubted = false;
	node[n].id = 0
}

/* ---- Processes ------------------------------------------------------------------------------ */

/* Whether the store has a key for the node: its own, or a free one. */
#define MAY(n, k) (owner[k] == (n) || owner[k] == NOBODY)
#ifdef DUAL
#define PAIR(n, a, b) (owner[a] == (n) || owner[b] == (n) || (owner[a] == NOBODY && owner[b] == NOBODY))
#define MAY_HAVE(n) (PAIR(n, 0, 3) && PAIR(n, 1, 2)) /* two subnets of each family */
#elif SUBNETS == 2
#define MAY_HAVE(n) (MAY(n, 0) || MAY(n, 1))
#else
#define MAY_HAVE(n) (MAY(n, 0) || MAY(n, 1) || MAY(n, 2))
#endif

/* There are but two etcd leases for it here; etcd has as many as are asked for. */
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
	/* It lists, and claims. One that is full goes on so; after the last fault, while there is something. */
	:: d_step {
		node[n].state == none && CAN_CLAIM(n) && (!CALM || MAY_HAVE(n) || ACTS(n)) ->
		list(n);
		count_try(n);
		check()
	   }
	/* A list or an event leaves the store while a put is under way, or when what was held is gone. */
	:: d_step {
		!node[n].told && node[n].state == putting && !CALM ->
		tell(n, node[n].claim);
		skip
	   }
	:: d_step {
		!node[n].told && node[n].state == held && !OWNS(n) ->
		tell(n, node[n].kept);
		skip
	   }
	/* It arrives. */
	:: d_step {
		node[n].told && node[n].state == held ->
		update_held(n);
		forget_told(n);
		count_try(n);
		check()
	   }
	/* It arrives, and another event of the same time is behind it. */
	:: d_step {
		node[n].told && node[n].state == held && !node[n].doubted && faults ->
		faults--;
		update_held(n);
		check()
	   }
	/* A second key on the etcd lease that is kept alive is removed, on its revision. */
#ifndef MUTANT_LEAVES_SURPLUS
	:: d_step {
		OWNS(n) && HAS_SURPLUS(n) ->
		for (k : 0 .. KEYS - 1) {
			if
			:: IS_SURPLUS(n, k) -> owner[k] = NOBODY; hangs[k] = 0; written(k)
			:: else
			fi
		}
		check()
	   }
#endif
	/* The put is carried out, and answered. */
	:: d_step {
		node[n].state == putting ->
		carry_out(n, node[n].claim, node[n].how, node[n].id);
		answered(n);
		check()
	   }
	/* It is carried out, and the answer lost; with the process, or without. */
	:: d_step {
		node[n].state == putting && faults ->
		faults--;
		carry_out(n, node[n].claim, node[n].how, node[n].id);
		give_up(n);
		check()
	   }
	:: d_step {
		node[n].state == putting && faults ->
		faults--;
		carry_out(n, node[n].claim, node[n].how, node[n].id);
		crash(n);
		check()
	   }
	/* It is given up, and on its way still. */
	:: d_step {
		node[n].state == putting && faults && late_by == NOBODY ->
		faults--;
		delay(n);
		give_up(n);
		check()
	   }
	:: d_step {
		node[n].state == putting && faults && late_by == NOBODY ->
		faults--;
		delay(n);
		crash(n);
		check()
	   }
	:: d_step { faults -> faults--; crash(n); check() }
	/* The keepalive finds the etcd lease gone. */
	:: d_step {
		node[n].state == held && node[n].id && !alive[LEASE(n, node[n].id)] ->
		node[n].id = 0;
		node[n].doubted = true
	   }
	od
}

#define MAY_END(n, i) (alive[LEASE(n, i)] && (node[n].id != (i) || faults))

/*
 * etcd: what was late is carried out, or not; a lease that nobody keeps alive ends, and for a fault
 * one that somebody does: a node that slept, a clock that ran fast, a keepalive that was not heard.
 */
proctype etcd()
{
	byte n;
end:
	do
	:: d_step {
		late_by != NOBODY ->
		n = late_by;
		carry_out(n, late_key, late_how, late_on);
		drop_late();
		n = 0;
		check()
	   }
	:: d_step { late_by != NOBODY -> drop_late() }
	:: d_step { MAY_END(0, 1) -> end_lease(0, 1); check() }
	:: d_step { MAY_END(0, 2) -> end_lease(0, 2); check() }
	:: d_step { MAY_END(1, 1) -> end_lease(1, 1); check() }
	:: d_step { MAY_END(1, 2) -> end_lease(1, 2); check() }
#if NODES > 2
	:: d_step { MAY_END(2, 1) -> end_lease(2, 1); check() }
	:: d_step { MAY_END(2, 2) -> end_lease(2, 2); check() }
#endif
	:: d_step { faults -> faults = 0 } /* no more of them */
	od
}

init {
	byte n;
	d_step {
		for (k : 0 .. KEYS - 1) {
			owner[k] = NOBODY
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
	/* Nothing is left to do: every node has a subnet, or there is none for it. */
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
