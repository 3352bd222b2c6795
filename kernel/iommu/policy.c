/* SPDX-License-Identifier: BSD-2-Clause
 * Which units translate. See the header.
 */
#include "kernel/iommu/policy.h"

#define CONFIG_SUBCLASS    0x0A
#define CONFIG_CLASS       0x0B
#define CLASS_NETWORK      0x02
#define CLASS_DISPLAY      0x03
#define CLASS_MULTIMEDIA   0x04
#define SUBCLASS_AUDIO     0x01
#define SUBCLASS_HD_AUDIO  0x03
#define CLASS_BRIDGE       0x06
#define CONFIG_VENDOR_HIGH 0x01

struct policy_walk policy_walk(const struct dmar_entry *entry, const struct dmar_pci *pci)
{
    return (struct policy_walk){dmar_scopes(entry), entry->segment, pci, false};
}

static uint8_t read8(const struct dmar_pci *pci, struct dmar_function f, uint32_t offset)
{
    return pci->read8(pci->context, f, offset);
}

static bool is_present(const struct dmar_pci *pci, struct dmar_function f)
{
    return read8(pci, f, 0) != 0xFF || read8(pci, f, CONFIG_VENDOR_HIGH) != 0xFF;
}

bool policy_next(struct policy_walk *walk, struct dmar_function *function, bool *is_below)
{
    struct dmar_scope scope;

    while (dmar_scope_next(&walk->scopes, &scope)) {
        *is_below = scope.type == DMAR_SCOPE_BRIDGE;
        if (scope.type == DMAR_SCOPE_IOAPIC || scope.type == DMAR_SCOPE_HPET)
            continue; /* their only writes are interrupts */
        if ((!*is_below && scope.type != DMAR_SCOPE_ENDPOINT) ||
            !dmar_scope_function(&scope, walk->segment, walk->pci, function))
            walk->is_unclear = true;
        else if (is_present(walk->pci, *function))
            return true;
    }
    return false;
}

enum policy_class policy_class(const struct dmar_pci *pci, struct dmar_function f)
{
    uint8_t subclass = read8(pci, f, CONFIG_SUBCLASS);

    switch (read8(pci, f, CONFIG_CLASS)) {
    case CLASS_NETWORK:
        return POLICY_NETWORK;
    case CLASS_DISPLAY:
        return POLICY_DISPLAY;
    case CLASS_MULTIMEDIA:
        return subclass == SUBCLASS_AUDIO || subclass == SUBCLASS_HD_AUDIO ? POLICY_AUDIO
                                                                           : POLICY_OTHER;
    case CLASS_BRIDGE:
        return POLICY_BRIDGE;
    }
    return POLICY_OTHER;
}

const char *policy_why_off(const struct dmar_entry *drhd, const struct dmar_pci *pci)
{
    struct policy_walk walk = policy_walk(drhd, pci);
    struct dmar_function f;
    unsigned displays = 0, audio = 0;
    bool is_below;

    if (drhd->is_for_all)
        return NULL;
    while (policy_next(&walk, &f, &is_below)) {
        enum policy_class class = policy_class(pci, f);
        if (is_below || (class != POLICY_DISPLAY && class != POLICY_AUDIO))
            return NULL;
        displays += class == POLICY_DISPLAY;
        audio += class == POLICY_AUDIO;
    }
    if (walk.scopes.is_broken || walk.is_unclear)
        return NULL; /* what else it covers is unknown */
    return displays && audio ? "only displays and audio devices are below it"
           : displays        ? "only displays are below it"
           : audio           ? "only audio devices are below it"
                             : "none of its devices is present";
}
