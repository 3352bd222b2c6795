/* SPDX-License-Identifier: BSD-2-Clause
 * The driver's registers against the model's table, which was written by another hand. Covers: every
 * register that the driver names is in the model's table at the same place, with as many members;
 * every field that the driver writes is one that software can write there, and no field that it only
 * reads is. A difference means that one of two readings of the documents is wrong.
 */
/* links: $(MODEL) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/x540/regs.h"
#include "tests/model/x540_core.h"

/* What the model calls differently: aliases of one register, and queues from 64 on. */
static const struct {
    const char *ours, *theirs;
    uint32_t first;
} aliases[] = {
    {"SW_FW_SYNC", "SWFW_SYNC", 0},
    {"QBRC_L", "QBRC_L", 0},
};

static const struct x540_register *find(const char *name, uint32_t offset)
{
    uint32_t n;
    const struct x540_register *table = x540_registers(&n);
    char from_64[32];

    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
        if (strcmp(name, aliases[i].ours) == 0)
            name = aliases[i].theirs;
    snprintf(from_64, sizeof(from_64), "%s_64", name);
    for (uint32_t i = 0; i < n; i++) {
        const struct x540_register *r = &table[i];
        if (strcmp(r->name, name) != 0 && strcmp(r->name, from_64) != 0)
            continue;
        for (uint32_t k = 0; k < r->count; k++)
            if (r->offset + k * r->stride == offset)
                return r;
    }
    return NULL;
}

static unsigned failures;

static void is_there(const char *name, uint32_t offset)
{
    if (find(name, offset))
        return;
    fprintf(stderr, "%s: 0x%05x is not in the model's table under that name\n", name, offset);
    failures++;
}

/* clang-format off */
static void all_registers__are_where_the_model_has_them(void **state)
{
    (void)state;
    failures = 0;
#define ONE(name) is_there(#name, name);
#define MANY(name, count)                                                                          \
    for (uint32_t i = 0; i < (count); i++)                                                         \
        is_there(#name, name(i));
    ONE(EEMNGCTL) ONE(MMNGC) ONE(MACC) MANY(ERETA, 96)
    ONE(CTRL) ONE(STATUS) ONE(CTRL_EXT) ONE(EEC) ONE(EERD) ONE(SWSM) ONE(FWSM) ONE(SW_FW_SYNC)
    ONE(MSCA) ONE(MSRWD) ONE(LINKS) ONE(HLREG0) ONE(MAXFRS) ONE(MFLCN) ONE(FCCFG) ONE(FCRTV)
    ONE(EICR) ONE(EICS) ONE(EIMS) ONE(EIMC) ONE(EIAC) ONE(GPIE)
    ONE(IVAR_MISC) ONE(MRQC) MANY(EIAM_EX, 2) MANY(EIMS_EX, 2) MANY(IVAR, 64) MANY(RSSRK, 10)
    MANY(RETA, 32) ONE(FCTRL) ONE(VLNCTRL) ONE(MCSTCTRL) ONE(RXCSUM) ONE(RFCTL)
    ONE(RDRXCTL) ONE(RXCTRL) ONE(DMATXCTL) ONE(DTXMXSZRQ) ONE(MTQC) ONE(RTTDCS) ONE(RTTDQSEL)
    ONE(RTTDT1C) ONE(RTTBCNRC) ONE(SECRXCTRL) ONE(SECRXSTAT) ONE(GCR_EXT) ONE(DCA_CTRL)
    ONE(PFDTXGSWC) ONE(CRCERRS) ONE(ILLERRC) ONE(ERRBC) ONE(RLEC) ONE(GPRC) ONE(GPTC) ONE(GORCL)
    ONE(GORCH) ONE(GOTCL) ONE(GOTCH) ONE(RUC) ONE(RFC) ONE(ROC) ONE(RJC)
    MANY(FCTTV, 4) MANY(FCRTL, 8) MANY(FCRTH, 8) MANY(EIMC_EX, 2) MANY(MTA, 128) MANY(RAL, 128)
    MANY(RAH, 128) MANY(MPSAR, 256) MANY(VFTA, 128) MANY(UTA, 128) MANY(FTQF, 128) MANY(VLVF, 64)
    MANY(VLVFB, 128) MANY(RXPBSIZE, 8) MANY(RDBAL, 128) MANY(RDBAH, 128) MANY(RDLEN, 128)
    MANY(DCA_RXCTRL, 128) MANY(RDH, 128) MANY(SRRCTL, 128) MANY(RDT, 128) MANY(RXDCTL, 128)
    MANY(RSCCTL, 128) MANY(TDBAL, 128) MANY(TDBAH, 128) MANY(TDLEN, 128) MANY(DCA_TXCTRL, 128)
    MANY(TDH, 128) MANY(TDT, 128) MANY(TXDCTL, 128) MANY(TDWBAL, 128) MANY(TDWBAH, 128)
    MANY(TXPBSIZE, 8) MANY(TXPBTHRESH, 8) MANY(MPC, 8) MANY(QPRC, 16) MANY(QPRDC, 16)
    MANY(QBRC_L, 16) MANY(QBRC_H, 16) MANY(RQSMR, 32) MANY(TQSM, 32)
    assert_int_equal(failures, 0);
}
/* clang-format on */

static void statistics__each_clears_when_read(void **state)
{
    (void)state;
    uint32_t n;
    const struct x540_register *table = x540_registers(&n);

    failures = 0;
#define RANGE(first, last, step)                                                                   \
    for (uint32_t offset = (first); offset <= (last); offset += (step)) {                          \
        bool is_found = false;                                                                     \
        for (uint32_t i = 0; i < n && !is_found; i++)                                              \
            for (uint32_t k = 0; k < table[i].count && !is_found; k++)                             \
                is_found = table[i].offset + k * table[i].stride == offset && table[i].rc != 0;    \
        if (!is_found) {                                                                           \
            fprintf(stderr, "0x%05x is no counter of the model's\n", offset);                      \
            failures++;                                                                            \
        }                                                                                          \
    }
    STATISTICS(RANGE)
    assert_int_equal(failures, 0);
}

/* fields that software writes and reads back */
static const struct {
    const char *name;
    uint32_t offset, field;
    /* clang-format off */
} written[] = {
#define RW(reg, field) {#reg, reg, reg##_##field},
#define RW_N(reg, field) {#reg, reg(1), reg##_##field},
    RW(CTRL, GIO_DIS) RW(CTRL_EXT, NS_DIS) RW(CTRL_EXT, RO_DIS) RW(CTRL_EXT, DRV_LOAD)
    RW(EERD, ADDR) RW(SWSM, SMBI) RW(SWSM, SWESMBI) RW(SW_FW_SYNC, EEP) RW(SW_FW_SYNC, PHY0)
    RW(SW_FW_SYNC, MAC) RW(SW_FW_SYNC, REGSMP) RW(MSCA, NP_ADDR) RW(MSCA, DEV_TYPE)
    RW(MSCA, PHY_ADDR) RW(MSCA, OP_CODE) RW(MSRWD, WRITE_DATA) RW(HLREG0, TXCRCEN) RW(MAXFRS, MFS)
    RW(HLREG0, RXCRCSTRP) RW(HLREG0, JUMBOEN) RW(HLREG0, TXPADEN) RW(HLREG0, LPBK)
    RW(HLREG0, PREPEND) RW(HLREG0, CONTMDC) RW(HLREG0, RXPADSTRIPEN) RW(HLREG0, RXLNGTHERREN)
    RW(MACC, FLU) RW(RFCTL, NFSW_DIS) RW(RFCTL, NFSR_DIS) RW(MFLCN, RPFCE_MASK)
    RW(MFLCN, PMCF) RW(MFLCN, DPF) RW(MFLCN, RPFCE) RW(MFLCN, RFCE)
    RW_N(FCRTH, RTH) RW(FCTRL, SBP) RW(FCTRL, MPE) RW(FCTRL, UPE) RW(FCTRL, BAM) RW(VLNCTRL, VFE)
    RW(MCSTCTRL, MFE) RW(GPIE, MSIX_MODE) RW(GPIE, OCD) RW(GPIE, EIAME)
    RW(GPIE, PBA_SUPPORT) RW(EIAC, RTXQ) RW_N(EITR, INTERVAL) RW(MRQC, MRQE) RW(MRQC, IPV4_TCP)
    RW(MRQC, IPV4) RW(MRQC, IPV6) RW(MRQC, IPV6_TCP) RW(MRQC, IPV4_UDP) RW(MRQC, IPV6_UDP)
    RW(RXCSUM, PCSD) RW(RFCTL, RSC_DIS) RW_N(RAH, RAH) RW_N(RAH, AV) RW_N(FTQF, QUEUE_ENABLE)
    RW(RDRXCTL, CRCSTRIP) RW(RDRXCTL, RSCFRSTSIZE) RW(RDRXCTL, RSCACKC) RW(RDRXCTL, FCOE_WRFIX)
    RW(RXCTRL, RXEN) RW_N(RXPBSIZE, SIZE) RW_N(DCA_RXCTRL, MBZ) RW_N(DCA_RXCTRL, DATA_WRO)
    RW_N(DCA_RXCTRL, HEAD_WRO) RW_N(SRRCTL, BSIZEPKT) RW_N(SRRCTL, DESCTYPE) RW_N(SRRCTL, DROP_EN)
    RW_N(RXDCTL, ENABLE) RW_N(RXDCTL, VME) RW_N(RSCCTL, RSCEN) RW(DMATXCTL, TE)
    RW_N(DCA_TXCTRL, DESC_WRO) RW_N(TXDCTL, PTHRESH) RW_N(TXDCTL, HTHRESH) RW_N(TXDCTL, WTHRESH)
    RW_N(TXDCTL, ENABLE) RW_N(TDWBAL, HEAD_WB_ENABLE) RW(DTXMXSZRQ, MAX_BYTES) RW_N(TXPBSIZE, SIZE)
    RW_N(TXPBTHRESH, THRESH) RW(RTTDCS, ARBDIS) RW(RTTDQSEL, TXDQ_IDX) RW(SECRXCTRL, RX_DIS)
    RW(GCR_EXT, BUFFERS_CLEAR) RW(DCA_CTRL, DCA_DISABLE) RW(PFDTXGSWC, VT_LBEN)
}, only_read[] = {
#define RO(reg, field) {#reg, reg, reg##_##field},
    RO(STATUS, LAN_ID) RO(STATUS, GIO) RO(STATUS, HOT) RO(MMNGC, MNG_VETO) RO(LINKS, UP_SINCE_READ)
    RO(EEC, PRES) RO(EEC, ARD) RO(EERD, DONE) RO(EERD, DATA)
    RO(FWSM, EXT_ERR_IND) RO(FWSM, TS_ENABLED) RO(FWSM, RECOVERY) RO(FWSM, PHY0_BAD)
    RO(MSRWD, READ_DATA) RO(LINKS, UP) RO(LINKS, SPEED)
    RO(RDRXCTL, DMAIDONE) RO(SECRXSTAT, RDY)
};
/* clang-format on */

static void fields__written_and_read__as_the_model_lets_them(void **state)
{
    (void)state;
    failures = 0;
    for (size_t i = 0; i < ARRAY_SIZE(written); i++) {
        const struct x540_register *r = find(written[i].name, written[i].offset);
        if (!r || (r->rw_mask & written[i].field) != written[i].field) {
            fprintf(stderr, "%s: bits 0x%08x cannot be written\n", written[i].name,
                    written[i].field);
            failures++;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(only_read); i++) {
        const struct x540_register *r = find(only_read[i].name, only_read[i].offset);
        if (!r || (r->rw_mask & only_read[i].field)) {
            fprintf(stderr, "%s: bits 0x%08x are not read-only\n", only_read[i].name,
                    only_read[i].field);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_registers__are_where_the_model_has_them),
        cmocka_unit_test(statistics__each_clears_when_read),
        cmocka_unit_test(fields__written_and_read__as_the_model_lets_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
