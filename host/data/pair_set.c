#include "data/pair_set.h"

/* Open addressing with linear probing, at most half full. */
clm_pair_set clm_pair_set_new(clm_scope *scope, int64_t capacity)
{
    uint64_t slots = 16;
    while (slots < 2 * (uint64_t)capacity)
        slots *= 2;
    return (clm_pair_set){clm_alloc_array(scope, slots, sizeof(uint64_t)), slots - 1};
}

/* splitmix64's finaliser (Steele, Lea and Flood 2014): neighbouring pairs go to distant slots. */
static uint64_t mixed(uint64_t key)
{
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
    key = (key ^ key >> 27) * 0x94d049bb133111ebu;
    return key ^ key >> 31;
}

bool clm_pair_set_add(clm_pair_set *set, int32_t u, int32_t v)
{
    const uint64_t key = ((uint64_t)(uint32_t)u << 32 | (uint32_t)v) + 1;
    for (uint64_t i = mixed(key) & set->mask;; i = (i + 1) & set->mask) {
        if (set->slot[i] == key) return false;
        if (set->slot[i] != 0) continue;
        set->slot[i] = key;
        return true;
    }
}
