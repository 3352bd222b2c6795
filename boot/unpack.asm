; SPDX-License-Identifier: BSD-2-Clause
; The kernel out of its LZ4 block, then on to it. The block is made by Debian's lz4 (boot/rules.mk) and
; is a row of sequences, each of
;
;     token            high four bits: number of literals; low four: length of the match - 4
;     bytes            more of the first number, if it was 15: added up, up to one that is not 255
;     literals         copied as they are
;     offset           16 bits: the match begins so far back in what was written; the last sequence
;                      ends before it
;     bytes            more of the second number, if it was 15
;
; Most numbers are small: one move of sixteen bytes does, and the next ones write over what was too
; much of it. So a store may go up to 64 bytes beyond the end, where linker.ld leaves room; the end is
; looked at once a sequence, and before any long copy. A damaged file cannot make stores elsewhere;
; that its matches may begin before the kernel gives wrong bytes, as other damage does.
;
; Then the targets of calls become distances again: calls.py has listed where.
;
; In:  64-bit mode, edi and esi for kernel_start, which gets them as rdi and rsi.
; Read next: start.asm.

%include "boot/layout.inc"

extern kernel_start
extern image_text_start
extern image_text_end
extern image_packed_end
extern refuse
global unpack

CR4_OSFXSR  equ 1 << 9                  ; xmm registers; the kernel has no use for them

section .boot.text progbits alloc exec nowrite align=16
bits 64
unpack:
    mov esp, esp                        ; upper halves are undefined after the mode switch
    mov r14d, edi
    mov r15d, esi
    mov rax, cr4
    or rax, CR4_OSFXSR
    mov cr4, rax
    mov rdi, image_text_start           ; out
    mov r8, image_packed_end
    mov esi, block                      ; in
    mov r9d, block_end

.sequence:
    movzx eax, byte [rsi]
    mov ecx, eax
    and eax, 15                         ; rax: match, later
    shr ecx, 4                          ; rcx: literals
    movups xmm0, [rsi + 1]
    movups [rdi], xmm0
    cmp ecx, 15                         ; 15: more follow
    je .more_literals
.match:
    add rdi, rcx
    cmp rdi, r8
    jae .end
    movzx edx, word [rsi + rcx + 1]     ; rdx: offset
    lea rsi, [rsi + rcx + 3]
    mov rbx, rdi
    sub rbx, rdx                        ; rbx: where the match begins
    cmp edx, 16                         ; nearer, and a move of sixteen would read what has not
    jb .near_match                      ; been written yet
    movups xmm0, [rbx]
    movups [rdi], xmm0
    cmp eax, 16 - 4
    ja .more_match
    lea rdi, [rdi + rax + 4]
    jmp .sequence

.more_literals:
    call long_length
    mov rdx, r8
    sub rdx, rdi
    cmp rcx, rdx
    ja .damaged
    mov rdx, r9
    sub rdx, rsi
    cmp rcx, rdx
    ja .damaged
    xor edx, edx                        ; the sixteen from before began with the length's bytes
.literals:
    movups xmm0, [rsi + rdx + 1]
    movups [rdi + rdx], xmm0
    add edx, 16
    cmp edx, ecx
    jb .literals
    jmp .match

.more_match:
    call match_length
    ja .damaged
    mov edx, 16
.sixteens:
    movups xmm0, [rbx + rdx]
    movups [rdi + rdx], xmm0
    add edx, 16
    cmp edx, eax
    jb .sixteens
    add rdi, rax
    jmp .sequence

.near_match:
    call match_length
    ja .damaged
    mov ecx, eax
    xchg rsi, rbx
    rep movsb
    mov rsi, rbx
    jmp .sequence

.end:
    jne .damaged
    lea rsi, [rsi + rcx + 1]
    cmp rsi, r9
    jne .damaged

    mov rdi, image_text_start
    mov r8d, image_text_end - KERNEL_BASE
    sub r8d, image_text_start - KERNEL_BASE
    mov esi, calls
    mov ebx, 4                          ; the end of the call before, from image_text_start on
.call:
    movzx eax, byte [rsi]
    inc rsi
    test eax, eax
    jz .done
    cmp eax, 255
    je .skip
    add ebx, eax
    cmp ebx, r8d
    ja .damaged
    sub [rdi + rbx - 4], ebx
    jmp .call
.skip:
    add ebx, 254
    jmp .call

.done:
    mov rax, cr4
    and rax, ~CR4_OSFXSR
    mov cr4, rax
    mov edi, r14d
    mov esi, r15d
    mov rax, kernel_start
    jmp rax

.damaged:
    mov ebp, damaged
    push 0x18                           ; back to 32-bit code
    push refuse
    o64 retf

; rax = the whole length of a match, from the low bits of its token. Flags: above, if it is longer
; than what is left to write.
match_length:
    cmp eax, 15
    jne .is_short
    mov ecx, eax
    dec rsi
    call long_length
    inc rsi
    mov eax, ecx
.is_short:
    add eax, 4
    mov rcx, r8
    sub rcx, rdi
    cmp rax, rcx
    ret

; rcx = 15 + the bytes that follow behind rsi, which ends at the last of them. The block ends long
; before the sum could wrap.
long_length:
    cmp rsi, r9
    jae .done
    inc rsi
    movzx r11d, byte [rsi]
    add ecx, r11d
    cmp r11d, 255
    je long_length
.done:
    ret

damaged: db "ferrule: this file is damaged: the kernel in it does not unpack. Halted.", 13, 10, 0

; A frame of lz4: 7 bytes of header, the block's length, the block, an end mark of 4 bytes.
section .boot.block progbits alloc noexec nowrite align=16
    incbin "build/image/kernel.lz4", 7, 4
block:
    incbin "build/image/kernel.lz4", 11
block_end equ $ - 4
calls:
    incbin "build/image/kernel.calls"
