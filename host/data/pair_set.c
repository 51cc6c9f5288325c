#include "data/pair_set.h"

/* Open addressing with linear probing, at most half full. */
clm_pair_set clm_pair_set_new(clm_scope *scope, int64_t capacity)
{
    uint64_t slots = 16;
    while (slots < 2 * (uint64_t)capacity)
        slots *= 2;
    return (clm_pair_set){clm_alloc_array(scope, slots, sizeof(uint64_t)), slots - 1, 0, scope};
}

/* splitmix64's finaliser (Steele, Lea and Flood 2014): neighbouring pairs go to distant slots. */
static uint64_t mixed(uint64_t key)
{
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
    key = (key ^ key >> 27) * 0x94d049bb133111ebu;
    return key ^ key >> 31;
}

/* Where the key is, or would be. */
static uint64_t slot_of(const clm_pair_set *set, uint64_t key)
{
    uint64_t i = mixed(key) & set->mask;
    while (set->slot[i] != 0 && set->slot[i] != key)
        i = (i + 1) & set->mask;
    return i;
}

static uint64_t key_of(int32_t u, int32_t v)
{
    return ((uint64_t)(uint32_t)u << 32 | (uint32_t)v) + 1;
}

static void grow(clm_pair_set *set)
{
    const clm_pair_set old = *set;
    *set = clm_pair_set_new(old.scope, (int64_t)old.mask + 1);
    set->count = old.count;
    for (uint64_t i = 0; i <= old.mask; i++)
        if (old.slot[i] != 0) set->slot[slot_of(set, old.slot[i])] = old.slot[i];
}

bool clm_pair_set_add(clm_pair_set *set, int32_t u, int32_t v)
{
    const uint64_t key = key_of(u, v);
    uint64_t i = slot_of(set, key);
    if (set->slot[i] == key) return false;
    if (2 * (uint64_t)set->count > set->mask) {
        grow(set);
        i = slot_of(set, key);
    }
    set->slot[i] = key;
    set->count++;
    return true;
}

bool clm_pair_set_has(const clm_pair_set *set, int32_t u, int32_t v)
{
    const uint64_t key = key_of(u, v);
    return set->slot[slot_of(set, key)] == key;
}
