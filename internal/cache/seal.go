package cache

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

func (k Key) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.seal[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size that it needs
	}
	return a
}

// Seal hides plain from all who do not have the key's digest.
func (k Key) Seal(plain []byte) []byte {
	a := k.aead()
	nonce := make([]byte, a.NonceSize(), a.NonceSize()+len(plain)+a.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return a.Seal(nonce, nonce, plain, k.id[:])
}

// Open returns what Seal was given. The error is for anything else.
func (k Key) Open(sealed []byte) ([]byte, error) {
	a := k.aead()
	if len(sealed) < a.NonceSize() {
		return nil, errors.New("cache: an entry is too short")
	}
	plain, err := a.Open(nil, sealed[:a.NonceSize()], sealed[a.NonceSize():], k.id[:])
	if err != nil {
		return nil, errors.New("cache: an entry is not what was stored")
	}
	return plain, nil
}
