; SPDX-License-Identifier: BSD-2-Clause
; 256 entry stubs, one per vector, 8 bytes apart. Each builds a struct trap_frame (arch/trap.h) on
; the stack and calls trap_dispatch(frame). A stub has no room to push its vector: the return address
; of its call, which lies inside the stub, takes that place, and the vector is computed from it.

extern trap_dispatch
global vectors

; Exceptions for which the CPU itself pushes an error code.
%define HAS_ERROR_CODE(n) (n == 8 || (n >= 10 && n <= 14) || n == 17 || n == 21 || n == 29 || n == 30)

section .text progbits alloc exec nowrite align=16
bits 64
align 8
vectors:
%assign n 0
%rep 256
    align 8
%if !HAS_ERROR_CODE(n)
    push 0
%endif
    call save_and_dispatch
%assign n n + 1
%endrep

save_and_dispatch:
    push rax
    lea rax, [rel vectors]
    sub [rsp + 8], rax
    shr qword [rsp + 8], 3
    push rbx
    push rcx
    push rdx
    push rsi
    push rdi
    push rbp
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    cld
    mov rdi, rsp
    call trap_dispatch                  ; the CPU aligned rsp to 16 and 22 words were pushed since
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rbp
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rbx
    pop rax
    add rsp, 16                         ; vector and error code
    iretq
