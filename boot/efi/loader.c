/* SPDX-License-Identifier: BSD-2-Clause
 * BOOTX64.EFI: the UEFI program that contains the kernel and starts it without another loader. It
 * builds the same multiboot2 information as GRUB (boot line, modules, memory map, screen, ACPI's
 * root pointer), ends the boot services, and calls jump.asm, which enters the kernel as GRUB does.
 *
 * The boot line comes from the load options; if there are none, from the file ferrule.cfg beside
 * the program: its lines, joined. A line that begins with `#` is a comment; `module=FILE WORDS`
 * loads a file beside the program as a boot module.
 *
 * The kernel runs where it was linked, at 1 MiB, where firmware may still have data. So it is
 * staged elsewhere, and jump.asm moves it after the boot services have ended and paging is off.
 * Read next: jump.asm, then boot/bootinfo.c.
 */
#include <efi.h>

#include "boot/efi/text.h"

extern const UINT8 kernel_file[], kernel_file_end[]; /* jump.asm: ferrule.elf, stripped */
extern const UINT8 jump_start[], jump_end[];

#define PAGE             4096u
#define BELOW_4_GIB      0xFFFFF000u
#define MULTIBOOT2_MAGIC 0x36D76289u
#define INFO_BYTES       (64u << 10)
#define JUMP_BYTES       PAGE
#define LINE_BYTES       2049u /* a byte more than the kernel takes, so that it warns of the cut */
#define CONFIG_BYTES_MAX (16u << 10)
#define MODULES_MAX      16u
#define EXIT_TRIES       8 /* how often the memory map may change before ExitBootServices */
#define SEGMENTS_MAX     8

/* --- what jump.asm reads; the offsets are repeated there --- */

struct copy {
    UINT32 from, to, bytes, zero_bytes; /* zero_bytes: to clear after the copied bytes */
};
struct jump {
    UINT32 entry, info, n_copies, reserved;
    struct copy copies[SEGMENTS_MAX];
};
_Static_assert(sizeof(struct copy) == 16 && sizeof(struct jump) == 16 + 16 * SEGMENTS_MAX,
               "jump.asm knows these sizes");
#define JUMP_PARAMETERS 2048u /* offset of struct jump in jump.asm's page */

/* --- the kernel's file --- */

struct elf_header {
    UINT8 ident[16];
    UINT16 type, machine;
    UINT32 version;
    UINT64 entry, segments, sections;
    UINT32 flags;
    UINT16 header_bytes, segment_bytes, n_segments, section_bytes, n_sections, names;
};
struct elf_segment {
    UINT32 type, flags;
    UINT64 offset, vaddr, paddr, file_bytes, memory_bytes, align;
};
_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_segment) == 56, "ELF64");
#define ELF_LOAD 1

struct module {
    EFI_PHYSICAL_ADDRESS start;
    UINTN bytes;
    char name[64];
};

static EFI_SYSTEM_TABLE *st;
static EFI_BOOT_SERVICES *bs;
static EFI_HANDLE self;
static EFI_LOADED_IMAGE *image;

static char line[LINE_BYTES];
static struct module modules[MODULES_MAX];
static UINTN n_modules;
static UINT64 kernel_start = ~0ull, kernel_end;

/* --- messages --- */

static void print(const char *text)
{
    CHAR16 wide[2] = {0, 0};
    if (!st->ConOut)
        return;
    for (; *text; text++) {
        if (*text == '\n') {
            CHAR16 line_end[] = {'\r', '\n', 0};
            st->ConOut->OutputString(st->ConOut, line_end);
            continue;
        }
        wide[0] = (UINT8)*text;
        st->ConOut->OutputString(st->ConOut, wide);
    }
}

/* Errors have the top bit set and are numbered from 1 (UEFI specification, appendix D). */
static void print_status(EFI_STATUS status)
{
    char text[] = " (EFI error 00)";
    status &= 0xFF;
    text[12] = (char)('0' + status / 10 % 10);
    text[13] = (char)('0' + status % 10);
    print(text);
}

/* Print what failed, wait so that it can be read, and return the status to firmware. */
static EFI_STATUS fail(const char *what, EFI_STATUS status)
{
    print("ferrule: ");
    print(what);
    print_status(status);
    print("; not started\n");
    bs->Stall(5 * 1000 * 1000);
    return status;
}

static void warn(const char *what, const char *name)
{
    print("ferrule: ");
    print(what);
    print(name);
    print("\n");
}

/* --- memory --- */

/* Allocate pages below 4 GiB outside the kernel's final place. Pages inside it stay allocated, so
 * that the next try gets others. */
static EFI_STATUS take_pages(EFI_MEMORY_TYPE type, UINTN pages, EFI_PHYSICAL_ADDRESS *start)
{
    for (int i = 0; i < 64; i++) {
        *start = BELOW_4_GIB;
        EFI_STATUS status = bs->AllocatePages(AllocateMaxAddress, type, pages, start);
        if (EFI_ERROR(status))
            return status;
        if (*start >= kernel_end || *start + pages * PAGE <= kernel_start)
            return EFI_SUCCESS;
    }
    return EFI_OUT_OF_RESOURCES;
}

/* --- files beside the program --- */

/* The folder of the program on its volume, from its device path, with the last backslash. Returns
 * its length. */
static UINTN own_folder(CHAR16 *path, UINTN max)
{
    UINTN n = 0;
    EFI_DEVICE_PATH *node = image->FilePath;
    for (; node && DevicePathType(node) != END_DEVICE_PATH_TYPE; node = NextDevicePathNode(node)) {
        UINTN bytes = DevicePathNodeLength(node);
        if (bytes < sizeof *node)
            break; /* a step of zero */
        if (DevicePathType(node) != MEDIA_DEVICE_PATH ||
            DevicePathSubType(node) != MEDIA_FILEPATH_DP)
            continue;
        const UINT8 *text = (const UINT8 *)node + sizeof *node;
        for (UINTN i = 0; i + sizeof *node + 1 < bytes && n + 1 < max; i += 2) {
            CHAR16 c = (CHAR16)(text[i] | text[i + 1] << 8);
            if (!c)
                break;
            path[n++] = c;
        }
    }
    while (n > 0 && path[n - 1] != '\\')
        n--;
    return n;
}

/* Read the file `name` beside the program into pages below 4 GiB, followed by a NUL. */
static EFI_STATUS read_beside(const char *name, UINTN max, EFI_PHYSICAL_ADDRESS *start,
                              UINTN *bytes)
{
    EFI_GUID fs_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
    EFI_FILE_IO_INTERFACE *volume;
    EFI_FILE *root, *file;
    CHAR16 path[256];
    UINTN n = own_folder(path, 200);
    if (name[0] == '\\' || name[0] == '/')
        n = 0;
    for (; *name && n + 1 < 256; name++)
        path[n++] = *name == '/' ? '\\' : (UINT8)*name;
    path[n] = 0;

    if (!image->DeviceHandle)
        return EFI_NOT_FOUND;
    EFI_STATUS status = bs->HandleProtocol(image->DeviceHandle, &fs_guid, (void **)&volume);
    if (EFI_ERROR(status))
        return status; /* loaded over a network, or by a loader that gives no volume */
    status = volume->OpenVolume(volume, &root);
    if (EFI_ERROR(status))
        return status;
    status = root->Open(root, &file, path, EFI_FILE_MODE_READ, 0);
    root->Close(root);
    if (EFI_ERROR(status))
        return status;

    UINT64 end = 0;
    status = file->SetPosition(file, ~0ull);
    if (!EFI_ERROR(status))
        status = file->GetPosition(file, &end);
    if (!EFI_ERROR(status))
        status = file->SetPosition(file, 0);
    if (!EFI_ERROR(status) && end > max)
        status = EFI_BAD_BUFFER_SIZE;
    UINTN pages = (UINTN)end / PAGE + 1;
    if (!EFI_ERROR(status))
        status = take_pages(EfiLoaderData, pages, start);
    if (!EFI_ERROR(status)) {
        *bytes = (UINTN)end;
        status = file->Read(file, bytes, (void *)(UINTN)*start);
        if (EFI_ERROR(status))
            bs->FreePages(*start, pages);
        else
            ((char *)(UINTN)*start)[*bytes] = 0;
    }
    file->Close(file);
    return status;
}

/* --- boot line and modules --- */

static void load_module(void *context, const char *words)
{
    (void)context;
    char name[64];
    if (n_modules == MODULES_MAX) {
        warn("too many modules; ignored: ", words);
        return;
    }
    struct module *m = &modules[n_modules];
    text_module(words, name, sizeof name, m->name, sizeof m->name);
    EFI_STATUS status = read_beside(name, 256u << 20, &m->start, &m->bytes);
    if (EFI_ERROR(status) || m->bytes == 0) {
        warn("unreadable or empty module: ", name);
        return;
    }
    n_modules++;
}

static void find_line(void)
{
    if (text_from_options(image->LoadOptions, image->LoadOptionsSize, line, sizeof line))
        return;
    EFI_PHYSICAL_ADDRESS start;
    UINTN bytes;
    EFI_STATUS status = read_beside("ferrule.cfg", CONFIG_BYTES_MAX, &start, &bytes);
    if (EFI_ERROR(status)) {
        print("ferrule: no load options, and no ferrule.cfg beside the program");
        print_status(status);
        print(": empty boot line\n");
        return;
    }
    text_from_config((const char *)(UINTN)start, bytes, line, sizeof line, load_module, NULL);
}

/* --- multiboot2 information --- */

static UINT8 *info;
static UINT32 info_at = 8;

static UINT8 *tag_add(UINT32 type, UINT32 bytes)
{
    if (INFO_BYTES - info_at < bytes + 16) /* keep room for the end tag */
        return NULL;
    UINT8 *tag = info + info_at;
    bs->SetMem(tag, (bytes + 7) & ~7u, 0);
    bs->CopyMem(tag, &type, 4);
    bs->CopyMem(tag + 4, &bytes, 4);
    info_at += (bytes + 7) & ~7u;
    return tag;
}

static void tag_text(UINT32 type, const char *text)
{
    UINT32 n = (UINT32)text_length(text) + 1;
    UINT8 *tag = tag_add(type, 8 + n);
    if (tag)
        bs->CopyMem(tag + 8, (void *)text, n);
}

static void tag_modules(void)
{
    for (UINTN i = 0; i < n_modules; i++) {
        UINT32 n = (UINT32)text_length(modules[i].name) + 1;
        UINT32 at[2] = {(UINT32)modules[i].start, (UINT32)(modules[i].start + modules[i].bytes)};
        UINT8 *tag = tag_add(3, 16 + n);
        if (!tag)
            return;
        bs->CopyMem(tag + 8, at, sizeof at);
        bs->CopyMem(tag + 16, modules[i].name, n);
    }
}

static BOOLEAN is_guid(const EFI_GUID *a, const EFI_GUID *b)
{
    const UINT8 *x = (const UINT8 *)a, *y = (const UINT8 *)b;
    for (UINTN i = 0; i < sizeof *a; i++)
        if (x[i] != y[i])
            return FALSE;
    return TRUE;
}

static void tag_acpi(void)
{
    EFI_GUID guid_20 = ACPI_20_TABLE_GUID, guid_10 = ACPI_TABLE_GUID;
    const void *newer = NULL, *older = NULL;
    for (UINTN i = 0; i < st->NumberOfTableEntries; i++) {
        const EFI_CONFIGURATION_TABLE *t = &st->ConfigurationTable[i];
        if (is_guid(&t->VendorGuid, &guid_20))
            newer = t->VendorTable;
        else if (is_guid(&t->VendorGuid, &guid_10))
            older = t->VendorTable;
    }
    UINT8 *tag = newer ? tag_add(15, 8 + 36) : older ? tag_add(14, 8 + 20) : NULL;
    if (tag)
        bs->CopyMem(tag + 8, (void *)(newer ? newer : older), newer ? 36 : 20);
    if (!newer && !older)
        print("ferrule: firmware lists no ACPI tables\n");
}

/* Position and width of a colour's bits. */
static void mask_parts(UINT32 mask, UINT8 *at, UINT8 *bits)
{
    for (*at = 0; mask && !(mask & 1); mask >>= 1)
        ++*at;
    for (*bits = 0; mask & 1; mask >>= 1)
        ++*bits;
}

static void tag_screen(void)
{
    EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
    EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
    if (EFI_ERROR(bs->LocateProtocol(&guid, NULL, (void **)&gop)) || !gop->Mode || !gop->Mode->Info)
        return;
    const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *mode = gop->Mode->Info;
    UINT8 colour[6] = {0, 8, 8, 8, 16, 8};
    if (mode->PixelFormat == PixelBlueGreenRedReserved8BitPerColor) {
        colour[0] = 16;
        colour[4] = 0;
    } else if (mode->PixelFormat == PixelBitMask) {
        mask_parts(mode->PixelInformation.RedMask, &colour[0], &colour[1]);
        mask_parts(mode->PixelInformation.GreenMask, &colour[2], &colour[3]);
        mask_parts(mode->PixelInformation.BlueMask, &colour[4], &colour[5]);
    } else if (mode->PixelFormat != PixelRedGreenBlueReserved8BitPerColor) {
        return; /* no frame buffer, only a call that is gone after ExitBootServices */
    }
    UINT64 start = gop->Mode->FrameBufferBase;
    UINT32 size[3] = {mode->PixelsPerScanLine * 4, mode->HorizontalResolution,
                      mode->VerticalResolution};
    UINT8 kind[2] = {32, 1}; /* bits per pixel, RGB */
    UINT8 *tag = tag_add(8, 32 + 6);
    if (!tag)
        return;
    bs->CopyMem(tag + 8, &start, 8);
    bs->CopyMem(tag + 16, size, sizeof size);
    bs->CopyMem(tag + 28, kind, sizeof kind);
    bs->CopyMem(tag + 32, colour, sizeof colour);
}

/* UEFI's memory types as E820 numbers. Memory of the boot services and of this program is free once
 * the kernel runs, which copies the information and keeps the modules. */
static UINT32 memory_type(UINT32 type)
{
    switch (type) {
    case EfiConventionalMemory:
    case EfiLoaderCode:
    case EfiLoaderData:
    case EfiBootServicesCode:
    case EfiBootServicesData:
        return 1;
    case EfiACPIReclaimMemory:
        return 3;
    case EfiACPIMemoryNVS:
        return 4;
    case EfiUnusableMemory:
        return 5;
    default:
        return 2;
    }
}

struct range {
    UINT64 start, bytes;
    UINT32 type, reserved;
};

/* Write the memory map tag and the end tag. Firmware must not be called from here on, so this uses
 * plain stores. False: the kernel's place is not all RAM, or the map does not fit. */
static BOOLEAN finish(const UINT8 *map, UINTN map_bytes, UINTN step)
{
    UINT32 at = info_at, tag_at = at, n = 0;
    UINT64 ram_at_kernel = 0;
    UINT32 head[4] = {6, 0, sizeof(struct range), 0};
    struct range *ranges = (struct range *)(info + at + sizeof head);
    UINT32 max = (INFO_BYTES - at - (UINT32)sizeof head - 8) / (UINT32)sizeof *ranges;

    for (UINTN i = 0; i + step <= map_bytes; i += step) {
        const EFI_MEMORY_DESCRIPTOR *d = (const EFI_MEMORY_DESCRIPTOR *)(map + i);
        UINT64 start = d->PhysicalStart, bytes = d->NumberOfPages * PAGE;
        UINT32 type = memory_type(d->Type);
        UINT64 low = start > kernel_start ? start : kernel_start;
        UINT64 high = start + bytes < kernel_end ? start + bytes : kernel_end;
        if (type == 1 && low < high)
            ram_at_kernel += high - low;
        if (n > 0 && ranges[n - 1].type == type &&
            ranges[n - 1].start + ranges[n - 1].bytes == start) {
            ranges[n - 1].bytes += bytes;
            continue;
        }
        if (n == max)
            return FALSE;
        ranges[n].start = start;
        ranges[n].bytes = bytes;
        ranges[n].type = type;
        ranges[n++].reserved = 0;
    }
    head[1] = (UINT32)sizeof head + n * (UINT32)sizeof *ranges;
    for (UINTN i = 0; i < 4; i++)
        ((UINT32 *)(info + tag_at))[i] = head[i];
    at += head[1]; /* a multiple of 8 */
    UINT32 *end = (UINT32 *)(info + at);
    end[0] = 0;
    end[1] = 8;
    ((UINT32 *)info)[0] = at + 8;
    ((UINT32 *)info)[1] = 0;
    return ram_at_kernel == kernel_end - kernel_start;
}

/* --- the kernel --- */

/* Read the kernel's segments into jump->copies, and its place into kernel_start and kernel_end. The
 * file is part of this program, so the checks guard against a wrong build. */
static BOOLEAN kernel_read(struct jump *jump, UINT64 staged)
{
    const struct elf_header *h = (const struct elf_header *)kernel_file;
    const struct elf_segment *s = (const struct elf_segment *)(kernel_file + h->segments);
    UINT64 file_bytes = (UINT64)(kernel_file_end - kernel_file);
    for (UINTN i = 0; i < h->n_segments; i++) {
        if (s[i].type != ELF_LOAD)
            continue;
        UINT64 end = s[i].paddr + s[i].memory_bytes;
        if (jump->n_copies == SEGMENTS_MAX || s[i].offset + s[i].file_bytes > file_bytes ||
            s[i].file_bytes > s[i].memory_bytes || end >= BELOW_4_GIB)
            return FALSE;
        jump->copies[jump->n_copies++] = (struct copy){
            .from = (UINT32)(staged + s[i].offset),
            .to = (UINT32)s[i].paddr,
            .bytes = (UINT32)s[i].file_bytes,
            .zero_bytes = (UINT32)(s[i].memory_bytes - s[i].file_bytes),
        };
        kernel_start = s[i].paddr < kernel_start ? s[i].paddr : kernel_start;
        kernel_end = end > kernel_end ? end : kernel_end;
    }
    kernel_start &= ~(UINT64)(PAGE - 1);
    kernel_end = (kernel_end + PAGE - 1) & ~(UINT64)(PAGE - 1);
    jump->entry = (UINT32)h->entry;
    return jump->n_copies > 0;
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *table)
{
    EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL;
    st = table;
    bs = st->BootServices;
    self = handle;
    bs->SetWatchdogTimer(0, 0, 0, NULL); /* firmware resets programs that run for five minutes */
    EFI_STATUS status = bs->HandleProtocol(self, &image_guid, (void **)&image);
    if (EFI_ERROR(status))
        return fail("firmware provides no loaded-image protocol", status);

    struct jump jump = {0};
    if (!kernel_read(&jump, 0)) /* the kernel's place, which take_pages must avoid */
        return fail("the kernel inside this file is damaged", EFI_LOAD_ERROR);
    find_line();

    /* One block: the jump's page, the information, the kernel's file. */
    jump = (struct jump){0};
    UINTN file_bytes = (UINTN)(kernel_file_end - kernel_file);
    EFI_PHYSICAL_ADDRESS block;
    status =
        take_pages(EfiLoaderCode, (JUMP_BYTES + INFO_BYTES + file_bytes + PAGE - 1) / PAGE, &block);
    if (EFI_ERROR(status))
        return fail("no memory below 4 GiB for the kernel", status);
    UINT64 staged = block + JUMP_BYTES + INFO_BYTES;
    kernel_read(&jump, staged);
    info = (UINT8 *)(UINTN)(block + JUMP_BYTES);
    jump.info = (UINT32)(UINTN)info;
    bs->CopyMem((void *)(UINTN)staged, (void *)kernel_file, file_bytes);
    bs->CopyMem((void *)(UINTN)block, (void *)jump_start, (UINTN)(jump_end - jump_start));
    bs->CopyMem((void *)(UINTN)(block + JUMP_PARAMETERS), &jump, sizeof jump);

    tag_text(1, line);
    tag_text(2, "BOOTX64.EFI");
    tag_modules();
    tag_acpi();
    tag_screen();

    /* The map's key is valid until the next allocation, which a timer of firmware may make between
     * the two calls: then both are repeated. The buffer has room for a map that grows. */
    UINTN map_bytes = 0, key = 0, step = 0;
    UINT32 version = 0;
    bs->GetMemoryMap(&map_bytes, NULL, &key, &step, &version);
    UINTN room = map_bytes + 64 * (step ? step : sizeof(EFI_MEMORY_DESCRIPTOR));
    UINT8 *map;
    status = bs->AllocatePool(EfiLoaderData, room, (void **)&map);
    if (EFI_ERROR(status))
        return fail("no memory for the memory map", status);
    for (int i = 0;; i++) {
        map_bytes = room;
        status = bs->GetMemoryMap(&map_bytes, (EFI_MEMORY_DESCRIPTOR *)map, &key, &step, &version);
        const char *wrong = NULL;
        if (EFI_ERROR(status) || step < sizeof(EFI_MEMORY_DESCRIPTOR))
            wrong = "firmware gives no memory map";
        else if (!finish(map, map_bytes, step))
            wrong = "the kernel's memory, from 1 MiB up, is not all RAM, or the map is too long";
        if (wrong && i == 0)
            return fail(wrong, EFI_LOAD_ERROR);
        if (!wrong)
            status = bs->ExitBootServices(self, key);
        if (!wrong && !EFI_ERROR(status))
            break;
        if (wrong || i == EXIT_TRIES)
            for (;;) /* the boot services may have ended partly: nothing can be printed */
                ;
    }
    ((void (*)(void *))(UINTN)block)((void *)(UINTN)block);
    __builtin_unreachable();
}
