# /init of an image: raises its own priority and becomes /bin/fulcrum. See init-stub.ts, which has the bytes.
#
#   as -o init-stub.o init-stub.S && objcopy -O binary -j .text init-stub.o init-stub.bin
#
# A row of steps; each ends where the next begins, %rbx has the stack of the start (argc, argv, NULL, envp, NULL).

	.text
	.globl	_start
_start:
	mov	%rsp, %rbx

# Only as the first process: whoever else calls this has a priority of his own.
	push	$39			# getpid()
	pop	%rax
	syscall
	dec	%eax
	jnz	become

# What it returns does not matter: a boot at nice 0 is a boot.
	xor	%edi, %edi		# setpriority(PRIO_PROCESS, 0, -20)
	xor	%esi, %esi
	push	$-20
	pop	%rdx
	mov	$141, %eax
	syscall

become:
	mov	(%rbx), %rcx		# execve("/bin/fulcrum", argv, envp)
	lea	8(%rbx), %rsi
	lea	16(%rbx,%rcx,8), %rdx
	lea	program(%rip), %rdi
	push	$59
	pop	%rax
	syscall

# It came back: say so, and end with the errno as status. The kernel's panic has it as exitcode=0x0000NN00.
	neg	%eax
	mov	%eax, %ebp
	push	$10			# three digits and a newline, from the last
	pop	%rcx
	sub	$16, %rsp
	lea	8(%rsp), %rsi
	movb	$10, (%rsi)
	push	$3
	pop	%rdi
digit:
	xor	%edx, %edx
	div	%ecx
	add	$48, %dl
	dec	%rsi
	mov	%dl, (%rsi)
	dec	%edi
	jnz	digit
	mov	%rsi, %rbx
	lea	message(%rip), %rsi	# write(2, message), write(2, digits)
	push	$message_end - message
	pop	%rdx
	call	say
	mov	%rbx, %rsi
	push	$4
	pop	%rdx
	call	say
	mov	%ebp, %edi		# exit_group(errno)
	mov	$231, %eax
	syscall

say:
	push	$2
	pop	%rdi
	push	$1
	pop	%rax
	syscall
	ret

program:
	.asciz	"/bin/fulcrum"
message:
	.ascii	"/init: Cannot execute '/bin/fulcrum': errno "
message_end:
